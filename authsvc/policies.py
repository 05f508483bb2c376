"""From the configuration to the policies of the domain and the limits of the transport."""

from urllib.parse import urlsplit

from pydantic import SecretStr

from authsvc.config import Config
from authsvc.configuration_values import decode_peppers
from authsvc.domain.attempts import AttemptLimits
from authsvc.domain.challenges import CHALLENGE_LIFETIME
from authsvc.domain.grant_policy import GrantPolicy
from authsvc.domain.keys import KeyPolicy
from authsvc.domain.passkeys import RelyingParty
from authsvc.domain.password_hashes import Argon2Profile, Peppers
from authsvc.domain.password_policy import PasswordPolicy
from authsvc.domain.revocation import CLOCK_BOUND, Lifetimes
from authsvc.stores.breached_passwords import FileBreachList
from authsvc.transport.server import Limits


def required(secret: SecretStr | None) -> str:
    """Give a secret that the configuration check or dev mode has made sure of."""
    if secret is None:
        message = "the configuration was not checked"
        raise AssertionError(message)
    return secret.get_secret_value()


def lifetimes(config: Config) -> Lifetimes:
    """How long tokens and sessions live."""
    return Lifetimes(
        access_token=config.access_token_lifetime,
        session=config.session_absolute_lifetime,
        leeway=config.clock_leeway,
    )


def key_policy(config: Config) -> KeyPolicy:
    """How long signing keys do what."""
    return KeyPolicy(
        publication_time=config.key_publication_time,
        rotation_period=config.key_rotation_period,
        token_lifetime=config.access_token_lifetime + config.clock_leeway + CLOCK_BOUND,
        algorithm=config.signing_algorithm,
    )


def grant_policy(config: Config) -> GrantPolicy:
    """What may be asked for at a login."""
    return GrantPolicy(
        default_audience=config.default_audience,
        audiences=_words(config.audiences),
        scopes=_words(config.scopes),
        idle_lifetime=config.session_idle_lifetime,
        absolute_lifetime=config.session_absolute_lifetime,
        sessions_per_account=config.sessions_per_account,
    )


def relying_party(config: Config) -> RelyingParty | None:
    """Who asks for passkeys; None without a domain to ask for."""
    if not config.webauthn_rp_id:
        return None
    from authsvc.domain.ceremonies import (  # noqa: PLC0415 - costs time and memory
        Fido2RelyingParty,
    )

    return Fido2RelyingParty(
        rp_id=config.webauthn_rp_id,
        name=config.webauthn_rp_name or config.webauthn_rp_id,
        origins=config.passkey_origins(),
        time_to_answer=CHALLENGE_LIFETIME,
    )


def _words(words: tuple[str, ...]) -> frozenset[str] | None:
    return None if "*" in words else frozenset(words)


def attempt_limits(config: Config) -> AttemptLimits:
    """How often may be tried."""
    return AttemptLimits(per_peer=config.address_failure_limit, logins=config.login_failure_limit)


def argon2_profile(config: Config) -> Argon2Profile:
    """What a password hash costs."""
    return Argon2Profile(
        time_cost=config.argon2_time_cost,
        memory_cost_kib=config.argon2_memory_cost_kib,
        parallelism=config.argon2_parallelism,
    )


def peppers(config: Config) -> Peppers:
    """Give the keys under which passwords are hashed; the first one is for new hashes."""
    if config.password_peppers is None:
        return Peppers()
    keys = decode_peppers(config.password_peppers.get_secret_value())
    return Peppers(keys=keys, current=next(iter(keys)))


def password_policy(config: Config) -> PasswordPolicy:
    """Which new passwords are accepted."""
    return PasswordPolicy(
        min_length=config.password_min_length,
        service_names=("authsvc", urlsplit(config.issuer).hostname or ""),
        breach_list=breach_list(config),
    )


def breach_list(config: Config) -> FileBreachList | None:
    """Give the list of breached passwords, if there is one."""
    return FileBreachList(config.breached_passwords) if config.breached_passwords else None


def limits(config: Config) -> Limits:
    """What a peer may ask for at most."""
    return Limits(
        message_bytes=config.max_message_bytes,
        metadata_bytes=config.max_metadata_bytes,
        concurrent_streams=config.max_concurrent_streams,
        connection_age=config.max_connection_age,
        connection_grace=config.drain_grace,
    )
