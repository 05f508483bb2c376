"""Which configurations do not start (ASVS 13.2.3, 13.4.2, 13.4.5).

Each rule gives sentences that say what is wrong and what to do, and never a secret.
"""

import contextlib
import importlib.util
import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from authsvc.addresses import is_loopback
from authsvc.config import (
    PREFIX,
    SECRET_FIELDS,
    Config,
    ConfigurationError,
    variable_name,
)
from authsvc.configuration_values import decode_master_key, decode_peppers
from authsvc.relay.addresses import missing_extras, parse_sinks
from authsvc.system_clock import steady_clock

JWKS_CACHE_TIME = timedelta(minutes=5)
"""How long verifiers may cache the key set (`Cache-Control: max-age`)."""

_LONGEST_GRACE = timedelta(seconds=60)
_LEAST_TIME_COST, _LEAST_MEMORY_KIB = 2, 19456  # OWASP, ASVS 11.4.2
_LEAST_MEMORY_OF_A_LANE_KIB = 8
_LEAST_DISTINCT_BYTES = 12
_EXPORTER = "opentelemetry.exporter.otlp.proto.grpc"
_MAKE_KEY = "Make one with: openssl rand -base64 32"
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(:[0-9]{1,5})?")
_OTHER_VARIABLES = frozenset(
    {
        "AUTHSVC_SERVER",
        "AUTHSVC_SERVER_CA",
        "AUTHSVC_SERVER_NAME",
        "AUTHSVC_CLIENT_CERT",
        "AUTHSVC_CLIENT_KEY",
        "AUTHSVC_API_KEY",
        "AUTHSVC_API_KEY_FILE",
    }
)
"""What commands read that call a server."""
_TOOL_VARIABLES = ("AUTHSVC_VENV", "AUTHSVC_TEST_", "AUTHSVC_BENCH_")


def faults(config: Config, *, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Give everything that forbids to start with this configuration, at once."""
    mode_faults = _production_faults if config.mode == "production" else _dev_faults
    return [*_environment_faults(environment), *_common_faults(config), *mode_faults(config)]


def _environment_faults(environment: Mapping[str, str]) -> Iterator[str]:
    known = {variable_name(name) for name in Config.model_fields} | _OTHER_VARIABLES
    known |= {variable_name(name) + "_FILE" for name in SECRET_FIELDS}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not name.startswith(_TOOL_VARIABLES):
            yield f"{name}: there is no such setting. Correct its name or remove it."
    for name in map(variable_name, SECRET_FIELDS):
        path = environment.get(f"{name}_FILE")
        if path is None:
            continue
        if name in environment:
            yield f"{name} and {name}_FILE are both set. Keep one of them."
        if _is_open_to_others(Path(path)):
            yield f"{name}_FILE: {path} is open to other users. Run: chmod o-rwx {path}"


def _is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def _common_faults(config: Config) -> Iterator[str]:
    if config.session_idle_lifetime > config.session_absolute_lifetime:
        yield (
            "AUTHSVC_SESSION_IDLE_LIFETIME is longer than AUTHSVC_SESSION_ABSOLUTE_LIFETIME. "
            "Make it shorter or equal."
        )
    if config.access_token_lifetime > config.session_absolute_lifetime:
        yield (
            "AUTHSVC_ACCESS_TOKEN_LIFETIME is longer than AUTHSVC_SESSION_ABSOLUTE_LIFETIME. "
            "Make it shorter."
        )
    if config.refresh_grace > _LONGEST_GRACE:
        yield "AUTHSVC_REFRESH_GRACE is longer than 60 s. A stolen token would stay unnoticed."
    if config.key_rotation_period <= config.key_publication_time:
        yield (
            "AUTHSVC_KEY_ROTATION_PERIOD is no longer than AUTHSVC_KEY_PUBLICATION_TIME. "
            "Make it longer."
        )
    if "*" not in config.audiences and config.default_audience not in config.audiences:
        yield "AUTHSVC_DEFAULT_AUDIENCE is not among AUTHSVC_AUDIENCES. Add it there."
    yield from _passkey_faults(config)
    yield from _extra_faults(config)
    if config.argon2_memory_cost_kib < _LEAST_MEMORY_OF_A_LANE_KIB * config.argon2_parallelism:
        yield (
            "AUTHSVC_ARGON2_MEMORY_COST_KIB is under 8 KiB for each lane of "
            "AUTHSVC_ARGON2_PARALLELISM (RFC 9106, 3.1). Raise it."
        )
    if config.master_key is not None:
        yield from _master_key_faults(config.master_key.get_secret_value())
    if config.password_peppers is not None:
        yield from _pepper_faults(config.password_peppers.get_secret_value())
    yield from _sink_faults(config)
    yield from _tls_faults(config)


def _extra_faults(config: Config) -> Iterator[str]:
    if config.transport == "native" and not _is_installed("pygrpc_native"):
        yield (
            "AUTHSVC_TRANSPORT is native, which is not installed. Run: pip install "
            "'authsvc[native]', or use grpcio."
        )
    if config.traces_endpoint is not None and not _is_installed(_EXPORTER):
        yield (
            "AUTHSVC_TRACES_ENDPOINT is set, and what sends traces is not installed. Run: pip "
            "install 'authsvc[otel]', or remove it."
        )


def _is_installed(module: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):  # a package above it is not there
        return importlib.util.find_spec(module) is not None
    return False


def _passkey_faults(config: Config) -> Iterator[str]:
    if not config.webauthn_rp_id:
        if config.webauthn_origins:
            yield "AUTHSVC_WEBAUTHN_ORIGINS is set without AUTHSVC_WEBAUTHN_RP_ID. Set that too."
        return
    for origin in config.webauthn_origins:
        form = _ORIGIN.fullmatch(origin)
        if form is None:
            yield (
                f"AUTHSVC_WEBAUTHN_ORIGINS: {origin} is no origin. Write for instance "
                "https://login.example.com, in small letters and without a slash at the end."
            )
        elif form["scheme"] == "http" and form["host"] != "localhost":
            yield (
                f"AUTHSVC_WEBAUTHN_ORIGINS: {origin} is not encrypted. Use https; browsers do "
                "without on localhost only."
            )
        elif not f".{form['host']}".endswith(f".{config.webauthn_rp_id}"):
            yield (
                f"AUTHSVC_WEBAUTHN_ORIGINS: {origin} is neither AUTHSVC_WEBAUTHN_RP_ID nor under "
                "it, and browsers would refuse. Correct one of them."
            )


def _master_key_faults(text: str) -> Iterator[str]:
    try:
        key = decode_master_key(text)
    except ValueError as error:
        yield f"AUTHSVC_MASTER_KEY {error}. {_MAKE_KEY}"
        return
    if _can_be_guessed(key):
        yield f"AUTHSVC_MASTER_KEY is not random and can be guessed. {_MAKE_KEY}"


def _pepper_faults(text: str) -> Iterator[str]:
    try:
        peppers = decode_peppers(text)
    except ValueError as error:
        yield f"AUTHSVC_PASSWORD_PEPPERS {error}. {_MAKE_KEY}"
        return
    for pepper_id, key in peppers.items():
        if _can_be_guessed(key):
            yield (
                f"AUTHSVC_PASSWORD_PEPPERS has a key, {pepper_id}, that is not random and can be "
                f"guessed. {_MAKE_KEY}"
            )


def _sink_faults(config: Config) -> Iterator[str]:
    if config.event_sinks is None:
        return
    try:
        sinks = parse_sinks(config.event_sinks.get_secret_value())
    except ValueError as error:
        yield f"AUTHSVC_EVENT_SINKS {error}."
        return
    for missing in missing_extras(sinks):
        yield f"AUTHSVC_EVENT_SINKS {missing}"


def _can_be_guessed(key: bytes) -> bool:
    typed = key.isascii() and key.decode("ascii").isprintable()
    counted = len({(b - a) % 256 for a, b in itertools.pairwise(key)}) == 1
    return typed or counted or len(set(key)) < _LEAST_DISTINCT_BYTES


def _tls_faults(config: Config) -> Iterator[str]:
    if (config.tls_cert is None) != (config.tls_key is None):
        yield "AUTHSVC_TLS_CERT and AUTHSVC_TLS_KEY go together. Set both, or neither."
    if config.tls_client_ca is not None and config.tls_cert is None:
        yield "AUTHSVC_TLS_CLIENT_CA needs AUTHSVC_TLS_CERT and AUTHSVC_TLS_KEY. Set them too."
    if config.tls_cert is None:
        return
    if config.transport == "native":
        yield (
            "AUTHSVC_TRANSPORT is native, which never encrypts, and AUTHSVC_TLS_CERT is set. Use "
            "grpcio, or leave TLS to a mesh."
        )
    # Only here: it takes long to import, and dev mode begins at once without it.
    from authsvc.server_certificate import certificate_files  # noqa: PLC0415

    files = certificate_files(config)
    try:
        if files is not None:
            files.read(steady_clock()())
    except ConfigurationError as error:
        yield from error.faults


def _dev_faults(config: Config) -> Iterator[str]:
    for name, address in (("LISTEN", config.listen), ("HTTP", config.http)):
        if not is_loopback(address):
            yield (
                f"AUTHSVC_{name}: dev mode trusts every caller and therefore listens on loopback "
                f"only, not on {address}. Use 127.0.0.1, or `authsvc serve` for production."
            )


def _production_faults(config: Config) -> Iterator[str]:
    if config.master_key is None:
        yield (
            "AUTHSVC_MASTER_KEY is missing. Make a key with `openssl rand -base64 32` and name its "
            "file in AUTHSVC_MASTER_KEY_FILE."
        )
    if config.redis_url is None:
        yield "AUTHSVC_REDIS_URL is missing. The embedded Redis is for dev mode only."
    is_encrypted = config.tls_cert is not None or config.tls_terminated_by_mesh
    if not is_loopback(config.listen) and not is_encrypted:
        yield (
            f"AUTHSVC_LISTEN: {config.listen} is off loopback and not encrypted. Name a "
            "certificate in AUTHSVC_TLS_CERT and AUTHSVC_TLS_KEY, listen on 127.0.0.1, or state "
            "with AUTHSVC_TLS_TERMINATED_BY_MESH=true that a mesh encrypts."
        )
    if not config.issuer.startswith("https://"):
        yield "AUTHSVC_ISSUER is not an https URL (RFC 8414, 2). Use one."
    if config.reflection:
        yield "AUTHSVC_REFLECTION is on. Turn it off in production."
    if config.log_level == "debug":
        yield "AUTHSVC_LOG_LEVEL is debug. Use info, warning or error in production."
    if not config.require_caller and "*" in config.scopes:
        yield (
            "AUTHSVC_REQUIRE_CALLER is off and AUTHSVC_SCOPES is *: anybody could ask for any "
            "scope. Turn the one on or name the scopes."
        )
    if (
        config.argon2_time_cost < _LEAST_TIME_COST
        or config.argon2_memory_cost_kib < _LEAST_MEMORY_KIB
    ):
        yield (
            "AUTHSVC_ARGON2_TIME_COST and AUTHSVC_ARGON2_MEMORY_COST_KIB are below 2 passes over "
            "19456 KiB, which is the least that resists guessing. Raise them."
        )
    if config.key_publication_time < JWKS_CACHE_TIME:
        yield (
            "AUTHSVC_KEY_PUBLICATION_TIME is under 5 min, for which verifiers cache the key set: "
            "they would refuse good tokens. Raise it."
        )
