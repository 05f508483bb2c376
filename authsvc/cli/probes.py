"""`authsvc healthcheck` and `authsvc demo`: looking at a running server from outside."""

from typing import Annotated

import typer

from authsvc.cli.options import DEFAULT_SERVER, Server
from authsvc.cli.output import fail

_HEALTHCHECK_SECONDS = 3.0


def healthcheck(
    server: Server = DEFAULT_SERVER,
    service: Annotated[str, typer.Option(help="One service; the whole server by default.")] = "",
) -> None:
    """Say whether the server is serving (exit code 0) or not (1)."""
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    from authsvc.cli.connection import open_channel  # noqa: PLC0415

    with open_channel(server) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=_HEALTHCHECK_SECONDS
            )
        except grpc.RpcError as error:
            fail(f"{server} does not say that it is serving ({error.code().name}).")
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        fail(status)
    typer.echo(status)


def demo(server: Server = DEFAULT_SERVER) -> None:
    """Show the life of a session at a running server."""
    from authsvc.cli.connection import connected  # noqa: PLC0415
    from authsvc.demo import Misbehaviour, play  # noqa: PLC0415

    with connected(server) as channel:
        try:
            play(channel, server=server)
        except Misbehaviour as error:
            fail(f"The demo stopped: {error}")
