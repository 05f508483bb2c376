"""The command line. Each command imports what it needs when it runs, so that help is prompt."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from authsvc import __version__
from authsvc.cli import (
    accounts,
    certs,
    event_relay,
    events,
    keys,
    probes,
    services,
    serving,
    sessions,
    setup,
)
from authsvc.cli.options import CLIENT_CERT, CLIENT_KEY, SERVER_CA, SERVER_NAME

app = typer.Typer(
    name="authsvc",
    help="Authentication over gRPC.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # rich takes as long to import as all the rest of the help
)
app.command("up")(serving.up)
app.command("serve")(serving.serve)
app.command("demo")(probes.demo)
app.command("healthcheck")(probes.healthcheck)
app.command("check-config")(setup.check_config)
app.command("migrate")(setup.migrate)
app.add_typer(accounts.app, name="accounts")
app.add_typer(sessions.app, name="sessions")
app.add_typer(keys.app, name="keys")
events.app.command("dead-letters")(event_relay.dead_letters)
events.app.command("replay")(event_relay.replay)
app.add_typer(events.app, name="events")
app.add_typer(services.app, name="services")
app.add_typer(certs.app, name="certs")
app.add_typer(certs.app, name="certs")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"authsvc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    cacert: Annotated[
        str,
        typer.Option(
            envvar=SERVER_CA, metavar="FILE", help="CA of the server to call, in PEM: speak TLS."
        ),
    ] = "",
    cert: Annotated[
        str,
        typer.Option(
            envvar=CLIENT_CERT, metavar="FILE", help="Client certificate to show it, in PEM."
        ),
    ] = "",
    key: Annotated[
        str,
        typer.Option(
            envvar=CLIENT_KEY, metavar="FILE", help="Private key of that certificate, in PEM."
        ),
    ] = "",
    servername: Annotated[
        str,
        typer.Option(
            envvar=SERVER_NAME,
            metavar="NAME",
            help="Name in its certificate, if it isn't its address.",
        ),
    ] = "",
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    # The environment says with what servers are called, as it does of the API key.
    given = {SERVER_CA: cacert, CLIENT_CERT: cert, CLIENT_KEY: key, SERVER_NAME: servername}
    os.environ.update({name: value for name, value in given.items() if value})


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def main() -> None:
    """Run the command that the arguments name."""
    if os.getpid() == 1:  # in a container: the kernel would ignore what has no handler
        signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
