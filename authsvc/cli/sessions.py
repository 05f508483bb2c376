"""`authsvc sessions`: the sessions of an account."""

from typing import TYPE_CHECKING, Annotated

import typer

from authsvc.cli.accounts import AccountArgument
from authsvc.cli.options import DEFAULT_SERVER, TAKES_BASE64URL, Json, Server
from authsvc.cli.output import show

if TYPE_CHECKING:
    from authn.v1.session_pb2 import Session

app = typer.Typer(help="Sessions of an account of a running server.", no_args_is_help=True)

_PAGE_SIZE = 1000


@app.command("list")
def list_sessions(
    account_id: AccountArgument, *, server: Server = DEFAULT_SERVER, as_json: Json = False
) -> None:
    """List the open sessions of an account, oldest first."""
    from authn.v1.session_service_pb2 import ListSessionsRequest  # noqa: PLC0415
    from authn.v1.session_service_pb2_grpc import SessionServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    # The page holds all: the server caps the sessions of an account at no more.
    request = ListSessionsRequest(account_id=account_id, page_size=_PAGE_SIZE)
    with connected(server) as channel:
        answer = SessionServiceStub(channel).ListSessions(request)
    show([_row(session) for session in answer.sessions], as_json=as_json)


@app.command(context_settings=TAKES_BASE64URL)
def revoke(
    session_id: Annotated[str, typer.Argument(help="The session's id (sid).")],
    *,
    server: Server = DEFAULT_SERVER,
) -> None:
    """End a session with its tokens."""
    from authn.v1.session_service_pb2 import RevokeSessionRequest  # noqa: PLC0415
    from authn.v1.session_service_pb2_grpc import SessionServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = SessionServiceStub(channel).RevokeSession(
            RevokeSessionRequest(session_id=session_id)
        )
    typer.echo(f"The session is dead as of revision {answer.revision}.")


@app.command("revoke-all")
def revoke_all(account_id: AccountArgument, *, server: Server = DEFAULT_SERVER) -> None:
    """End every session and token of an account."""
    from authn.v1.session_service_pb2 import RevokeAllSessionsRequest  # noqa: PLC0415
    from authn.v1.session_service_pb2_grpc import SessionServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = SessionServiceStub(channel).RevokeAllSessions(
            RevokeAllSessionsRequest(account_id=account_id)
        )
    count = answer.revoked_count
    typer.echo(f"{count} sessions are dead as of revision {answer.revision}.")


def _row(session: "Session") -> dict[str, str]:
    return {
        "session_id": session.session_id,
        "client_id": session.client_id,
        "ip_address": session.client.ip_address,
        "user_agent": session.client.user_agent,
        "create_time": session.create_time.ToJsonString(),
        "last_use_time": session.last_use_time.ToJsonString(),
        "expire_time": session.expire_time.ToJsonString(),
    }
