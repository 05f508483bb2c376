"""The composition root: the one place that knows all rooms."""

from functools import partial

from authsvc import (
    answering,
    attempting,
    authenticating,
    calling,
    checking,
    encrypting,
    foundation,
    housekeeping,
    policies,
    relaying,
    revoking,
    second_factors,
    watching,
)
from authsvc.config import Config
from authsvc.domain.clock import Clock
from authsvc.domain.grants import Grants
from authsvc.domain.refresh_tokens import RefreshTokenCodec
from authsvc.domain.token_exchange import TokenExchange
from authsvc.domain.tokens import TokenIssuer
from authsvc.running import App
from authsvc.stores.redis.configuration import verify_configuration
from authsvc.system_clock import steady_clock
from authsvc.transport.http import HttpApplication
from authsvc.transport.server import SERVICES, build_server


def build(config: Config, *, clock: Clock | None = None) -> App:
    """Put a worker's service together. It answers nothing before `start`.

    Raises:
        StoreUnavailable: SQL does not answer.
        ConfigurationError: See `foundation.lay`; or the certificate of the port can not be used.

    """
    base = foundation.lay(config, clock or steady_clock())
    encryption = encrypting.put_together(config, clock=base.clock)
    ending = revoking.put_together(base)
    trying = attempting.put_together(base)
    parts = _parts(base, ending, trying)
    relays = relaying.put_together(base)
    health = parts.watching.health
    return App(
        config=config,
        server=build_server(
            answering.servicers(base, parts),
            answering.interceptor(base, parts),
            policies.limits(config),
            with_reflection=config.reflection,
            transport=config.transport,
        ),
        credentials=encryption.credentials,
        health=health,
        http=HttpApplication(
            published_keys=base.keys.published,
            issuer=config.issuer,
            services=[service.full_name for service in SERVICES],
            is_serving=health.is_serving,
            metrics=base.metrics.render,
        ),
        keys=base.keys,
        fence=base.fence,
        watching=parts.watching,
        passwords=parts.proving.passwords,
        stores=base.stores,
        revoking=ending,
        relaying=relays,
        duties=housekeeping.duties(
            base,
            parts,
            revoking=ending,
            attempting=trying,
            encrypting=encryption,
            relaying=relays,
        ),
        check_redis=partial(
            verify_configuration, base.redis, require_persistence=config.mode == "production"
        ),
    )


def _parts(
    base: foundation.Foundation, ending: revoking.Revoking, trying: attempting.Attempting
) -> answering.Parts:
    revoker, attempts = ending.revoker, trying.attempts
    issuer = TokenIssuer(
        issuer=base.config.issuer,
        lifetime=base.config.access_token_lifetime,
        signing_key=base.keys.signing_key,
    )
    grants = Grants(
        sessions=base.sessions,
        codec=RefreshTokenCodec(base.secret("refresh key")),
        issuer=issuer,
        revoker=revoker,
        devices=trying.devices,
        policy=policies.grant_policy(base.config),
        record=base.record,
        clock=base.clock,
    )
    checker = checking.put_together(base, ending)
    factors = second_factors.put_together(base, attempts=attempts, grants=grants, revoker=revoker)
    return answering.Parts(
        revoker=revoker,
        grants=grants,
        factors=factors,
        proving=authenticating.put_together(
            base,
            attempts=attempts,
            second_factor=factors.second_factor,
            grants=grants,
            revoker=revoker,
        ),
        services=calling.put_together(base, replica=ending.replica, revoker=revoker, issuer=issuer),
        checker=checker,
        exchange=TokenExchange(
            checker=checker,
            issuer=issuer,
            audience=policies.grant_policy(base.config).audience,
            record=base.record,
            clock=base.clock,
        ),
        watching=watching.put_together(base, replica=ending.replica),
    )
