"""The command line. Each command imports what it needs when it runs, so that help is prompt."""

import sys
from typing import Annotated

import typer

from authsvc import __version__
from authsvc.cli import accounts, events, keys, probes, services, serving, sessions, setup

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
app.add_typer(events.app, name="events")
app.add_typer(services.app, name="services")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"authsvc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command that the arguments name."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
