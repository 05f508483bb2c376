"""`authsvc certs`: certificates to try TLS with."""

import re
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from authsvc.cli.options import CLIENT_CERT, CLIENT_KEY, SERVER_CA
from authsvc.cli.output import fail

app = typer.Typer(help="Certificates to try TLS with.", no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TAKEN = re.compile(r"ca|server|.*-key")
"""Names whose files would be others' files."""

_LINES = """
Made in {directory}, good for {days} days. Start a server with them (production: authsvc serve):

  AUTHSVC_TLS_CERT={server} AUTHSVC_TLS_KEY={server_key} \\
  AUTHSVC_TLS_CLIENT_CA={ca} authsvc up

Call it as {name}, who is {spiffe_id}:

  grpcurl -cacert {ca} -cert {client} -key {client_key} 127.0.0.1:50051 list
  authsvc --cacert {ca} --cert {client} --key {client_key} demo

Or let all commands do so:

  export {server_ca_variable}={ca} {cert_variable}={client} {key_variable}={client_key}
"""


@app.callback()
def _group() -> None:
    """Let `dev` be a command even while it is the only one."""


@app.command()
def dev(
    directory: Annotated[
        Path, typer.Option("--dir", help="Where to write them.", file_okay=False)
    ] = Path("var/certs"),
    name: Annotated[
        list[str] | None, typer.Option(help="A client's name; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Make a CA, a certificate for a server on this machine, and one for each client."""
    clients = list(dict.fromkeys(name or ["client"]))
    if not all(_NAME.fullmatch(one) and not _TAKEN.fullmatch(one) for one in clients):
        fail(
            "A name has lower-case letters, digits and `-`, begins with a letter, up to 63, is not "
            "ca or server, and does not end in -key."
        )
    _make(directory, clients, force=force)
    _print_lines(directory, clients[0])


def _make(directory: Path, clients: list[str], *, force: bool) -> None:
    from authsvc.dev_certificates import make, write  # noqa: PLC0415
    from authsvc.system_clock import steady_clock  # noqa: PLC0415

    files = make(clients, now=steady_clock()())
    there = [file for file in files if (directory / file).exists()]
    if there and not force:
        fail(f"In {directory} there are already: {', '.join(there)}. Use --force to replace them.")
    try:
        write(files, directory)
    except OSError as error:
        fail(f"--dir: can't write to {directory}: {error.strerror}.")


def _print_lines(directory: Path, name: str) -> None:
    from authsvc.dev_certificates import LIFETIME, spiffe_id  # noqa: PLC0415

    typer.echo(
        _LINES.format(
            directory=directory,
            days=LIFETIME.days,
            ca=quote(str(directory / "ca.pem")),
            server=quote(str(directory / "server.pem")),
            server_key=quote(str(directory / "server-key.pem")),
            name=name,
            spiffe_id=spiffe_id(name),
            client=quote(str(directory / f"{name}.pem")),
            client_key=quote(str(directory / f"{name}-key.pem")),
            server_ca_variable=SERVER_CA,
            cert_variable=CLIENT_CERT,
            key_variable=CLIENT_KEY,
        )
    )
