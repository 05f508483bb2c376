"""`authsvc up` and `authsvc serve`."""

import os
import sys
from typing import TYPE_CHECKING

import typer

from authsvc.cli.options import (
    CLIENT_CERT,
    CLIENT_KEY,
    SERVER_CA,
    Data,
    Http,
    Listen,
    Transport,
)
from authsvc.cli.output import fail

if TYPE_CHECKING:
    from authsvc.config import Config


def up(
    listen: Listen = None, http: Http = None, data: Data = None, transport: Transport = None
) -> None:
    """Start in dev mode, ready to try.

    Everything it needs comes along, and it listens on loopback only. An SQL database or Redis of
    your own is used if AUTHSVC_DATABASE_URL or AUTHSVC_REDIS_URL name one.
    """
    from authsvc import serving  # noqa: PLC0415
    from authsvc.cli.setup import migrate_schema  # noqa: PLC0415
    from authsvc.config import ConfigurationError, load  # noqa: PLC0415

    for_people = sys.stderr.isatty() and "AUTHSVC_LOG_FORMAT" not in os.environ
    try:
        serving.serve(
            lambda: load(
                mode="dev",
                listen=listen,
                http=http,
                data=data,
                transport=transport,
                log_format="console" if for_people else None,
            ),
            on_serving=_print_banner,
            migrate=migrate_schema,
        )
    except ConfigurationError as error:
        fail(*error.faults)


def serve(
    listen: Listen = None, http: Http = None, data: Data = None, transport: Transport = None
) -> None:
    """Start in production mode. All settings are AUTHSVC_… variables; see `check-config`."""
    from authsvc import serving  # noqa: PLC0415
    from authsvc.config import ConfigurationError, load  # noqa: PLC0415

    try:
        serving.serve(
            lambda: load(
                mode="production", listen=listen, http=http, data=data, transport=transport
            ),
            on_serving=_note_addresses,
        )
    except ConfigurationError as error:
        fail(*error.faults)


def _note_addresses(config: "Config") -> None:
    from authsvc import telemetry  # noqa: PLC0415

    log = telemetry.get_logger("authsvc.supervisor")
    log.info("serving", listen=config.listen, http=config.http, workers=config.workers)


def _grpcurl_options(config: "Config") -> str:
    if config.tls_cert is None:
        return "-plaintext"
    options = f"-cacert ${SERVER_CA}"
    if config.tls_client_ca is not None:
        options += f" -cert ${CLIENT_CERT} -key ${CLIENT_KEY}"
    return options


def _print_banner(config: "Config") -> None:
    call = f"grpcurl {_grpcurl_options(config)} -d @ {config.listen} authn.v1"
    password = "violet-kettle-orbits-47-moons"  # noqa: S105 - an example
    typer.echo(
        f"""
authsvc is SERVING on {config.listen} (HTTP {config.http}), dev mode: for this machine only.

  Register     {call}.AuthService/Register <<< '{{"username":"ada","password":"{password}"}}'
  Login        TOKEN=$({call}.AuthService/Login \
<<< '{{"identifier":"ada","password":"{password}"}}' | grep -o 'eyJ[^"]*')
  VerifyToken  {call}.TokenService/VerifyToken <<< "{{\\"access_token\\":\\"$TOKEN\\"}}"

  Or watch it all:  authsvc demo --server {config.listen}        Ctrl-C stops the server.
"""
    )
    sys.stdout.flush()
