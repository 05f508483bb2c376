"""The configuration: what it consists of, and where it is read from.

Every field is the variable `AUTHSVC_` and its name in capitals. A secret may instead stand in a
file that the same variable with `_FILE` names. Whether a configuration is safe to start with is
judged in `configuration_faults.py`.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from authsvc.configuration_values import Address, Duration, Words, usable_cpus
from authsvc.credential_settings import CredentialSettings
from authsvc.port_settings import PortSettings

PREFIX = "AUTHSVC_"


class ConfigurationError(Exception):
    """The configuration can't be started with; `faults` are sentences for the operator."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def variable_name(field: str) -> str:
    """Give the environment variable of a field."""
    return PREFIX + field.upper()


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Config(BaseSettings, CredentialSettings, PortSettings):
    """All that an operator can decide. Read at start; SIGHUP reads it anew."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    mode: Literal["dev", "production"] = Field(
        default="production",
        description="`production`, or `dev`: embedded stores, loopback only, every caller trusted. "
        "Set by `authsvc serve` and `authsvc up`.",
    )
    listen: Address = Field(
        default="127.0.0.1:50051", description="Address of the gRPC port, HOST:PORT."
    )
    transport: Literal["grpcio", "native"] = Field(
        default="grpcio",
        description="What speaks HTTP/2: `grpcio`, or `native` (extra `authsvc[native]`), which "
        "bears more calls, but never encrypts and reads what is too large: for admitted peers.",
    )
    http: Address = Field(
        default="127.0.0.1:8080",
        description="Address of the HTTP port (JWKS, metrics, health), HOST:PORT.",
    )
    data: Path = Field(
        default=Path("var"),
        description="Directory for SQLite, the embedded Redis and the dev master key.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of the SQL database; the default is SQLite in the data "
        "directory.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="URL of Redis or Valkey (`redis://`, `rediss://`, `unix://`); without one, "
        "dev mode starts an embedded Valkey. Required in production.",
    )
    workers: PositiveInt = Field(
        default_factory=usable_cpus,
        le=1024,
        description="Number of worker processes; the default is one per usable core.",
    )
    issuer: str = Field(
        default="https://authsvc.localhost",
        pattern=r"^https?://[!-~]+[^/?#]$",
        description="The `iss` of access tokens (RFC 9068): a URL without a slash at its end.",
    )
    audiences: Words = Field(
        default=("*",),
        description="Audiences that tokens are issued for, with spaces between; `*` is any.",
    )
    default_audience: str = Field(
        default="authsvc", min_length=1, description="Audience of a token whose request names none."
    )
    scopes: Words = Field(
        default=("*",),
        description="Scopes that an account may ask for, with spaces between; `*` is any but those "
        "that begin with `authsvc.`.",
    )
    signing_algorithm: Literal["EdDSA", "ES256", "RS256"] = Field(
        default="EdDSA", description="Algorithm of new signing keys (RFC 7518, RFC 8037)."
    )
    access_token_lifetime: Duration = Field(
        default=10 * _MINUTE,
        ge=_SECOND,
        le=_HOUR,
        description="Life of an access token, 1 s to 1 h.",
    )
    session_idle_lifetime: Duration = Field(
        default=14 * _DAY, ge=_SECOND, le=400 * _DAY, description="How long a session lives unused."
    )
    session_absolute_lifetime: Duration = Field(
        default=90 * _DAY,
        ge=_SECOND,
        le=400 * _DAY,
        description="How long a session lives at most.",
    )
    sessions_per_account: PositiveInt = Field(
        default=50, le=1000, description="Open sessions of one account; one more ends the oldest."
    )
    refresh_grace: Duration = Field(
        default=10 * _SECOND,
        ge=timedelta(0),
        le=_HOUR,
        description="How long a repeated refresh gets the same answer, at most 60 s.",
    )
    read_lease: Duration = Field(
        default=2 * _SECOND,
        ge=timedelta(milliseconds=100),
        le=30 * _SECOND,
        description="How long a worker cut off from Redis goes on checking tokens from memory; a "
        "revocation waits as long for a worker that does not answer.",
    )
    clock_leeway: Duration = Field(
        default=30 * _SECOND,
        ge=timedelta(0),
        le=60 * _SECOND,
        description="By how much clocks may differ when a token's times are checked, at most 60 s.",
    )
    key_publication_time: Duration = Field(
        default=15 * _MINUTE,
        ge=timedelta(0),
        le=30 * _DAY,
        description="How long a signing key is published before it signs.",
    )
    key_rotation_period: Duration = Field(
        default=30 * _DAY,
        ge=_MINUTE,
        le=400 * _DAY,
        description="How long a signing key signs before the next takes its place.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="Key that seals secrets at rest: 32 random bytes in base64 or hex. Required in "
        "production; dev mode makes one in the data directory.",
    )
    event_retention: Duration = Field(
        default=90 * _DAY,
        ge=_DAY,
        le=3650 * _DAY,
        description="How long security events are kept, if every sink has got them.",
    )
    event_sinks: SecretStr | None = Field(
        default=None,
        description="Brokers that security events are relayed to: `NAME=URL` with spaces or lines "
        "between, the URLs as in [relay.md](relay.md). A sink keeps its place under its name.",
    )
    require_caller: bool = Field(
        default=True,
        description="Whether every call needs an authenticated calling service. The default is "
        "true in production and false in dev mode.",
    )
    registration: Literal["open", "closed"] = Field(
        default="open", description="Whether `Register` makes accounts, or only administrators do."
    )
    reflection: bool = Field(
        default=False,
        description="Whether gRPC reflection is served. The default is true in dev mode only; "
        "production refuses it.",
    )
    traces_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$",
        description="Collector that traces are sent to by OTLP over gRPC (extra `authsvc[otel]`): "
        "`http://HOST:PORT`, or `https://` for TLS. Without it nothing is traced.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level of the lines that are logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` for machines; `console` for people."
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_mode(cls, values: dict[str, Any]) -> dict[str, Any]:
        production = values.get("mode", "production") != "dev"
        return {"require_caller": production, "reflection": not production, **values}

    def sql_url(self) -> str:
        """Give the SQLAlchemy URL of the SQL database. It may hold a password."""
        if self.database_url is None:
            return f"sqlite:///{self.data.absolute() / 'authsvc.db'}"
        return self.database_url.get_secret_value()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env files
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - one way to name a file
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the files that it names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)


SECRET_FIELDS = tuple(
    name for name, field in Config.model_fields.items() if "SecretStr" in str(field.annotation)
)


class _SecretFiles(PydanticBaseSettingsSource):
    """The secrets that stand in files named by `AUTHSVC_…_FILE`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        path = os.environ.get(variable_name(field_name) + "_FILE")
        if field_name not in SECRET_FIELDS or path is None:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            message = f"{variable_name(field_name)}_FILE: can't read {path}: {reason}."
            raise ConfigurationError(message) from None

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(None, name)[0] for name in SECRET_FIELDS}
        return {name: value for name, value in values.items() if value is not None}


def load(**arguments: object) -> Config:
    """Read the configuration; arguments that are not None go before the environment.

    Raises:
        ConfigurationError: Values that can't be understood, each named by its variable.

    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Config(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError(*_explain(error)) from None


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        name = variable_name(str(fault["loc"][0])) if fault["loc"] else "configuration"
        lines.append(f"{name}: {fault['msg'].removeprefix('Value error, ')}.")
    return lines
