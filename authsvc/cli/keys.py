"""`authsvc keys`: the signing keys of a running server."""

from typing import TYPE_CHECKING, Annotated

import typer

from authsvc.cli.options import DEFAULT_SERVER, TAKES_BASE64URL, Json, Server, Yes
from authsvc.cli.output import show, show_one

if TYPE_CHECKING:
    from authn.v1.key_pb2 import Key

app = typer.Typer(help="Signing keys of a running server.", no_args_is_help=True)


@app.command("list")
def list_keys(*, server: Server = DEFAULT_SERVER, as_json: Json = False) -> None:
    """List the keys, newest first."""
    from authn.v1.key_service_pb2 import ListKeysRequest  # noqa: PLC0415
    from authn.v1.key_service_pb2_grpc import KeyServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = KeyServiceStub(channel).ListKeys(ListKeysRequest())
    show([_row(key) for key in answer.keys], as_json=as_json)


@app.command()
def rotate(
    *,
    now: Annotated[
        bool,
        typer.Option("--now", help="Sign with it at once; verifiers must fetch it at once, too."),
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """Make the next signing key; it signs once every verifier can know it."""
    from authn.v1.key_service_pb2 import RotateKeyRequest  # noqa: PLC0415
    from authn.v1.key_service_pb2_grpc import KeyServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = KeyServiceStub(channel).RotateKey(RotateKeyRequest(activate_immediately=now))
    show_one(_row(answer.key), as_json=as_json)


@app.command(context_settings=TAKES_BASE64URL)
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id (kid).")],
    *,
    yes: Yes = False,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Kill a compromised key: every token that it signed is refused at once."""
    from authn.v1.key_service_pb2 import RevokeKeyRequest  # noqa: PLC0415
    from authn.v1.key_service_pb2_grpc import KeyServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    if not yes:
        typer.confirm("Every token that this key signed will be refused. Go on?", abort=True)
    with connected(server) as channel:
        answer = KeyServiceStub(channel).RevokeKey(RevokeKeyRequest(key_id=key_id))
    typer.echo(f"The key is dead as of revision {answer.revision}.")


def _row(key: "Key") -> dict[str, str]:
    from authn.v1.key_pb2 import KeyState  # noqa: PLC0415

    return {
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "state": KeyState.Name(key.state).removeprefix("KEY_STATE_"),
        "activate_time": key.activate_time.ToJsonString(),
        "expire_time": key.expire_time.ToJsonString() if key.HasField("expire_time") else "",
    }
