"""`authsvc accounts`: the accounts of a running server."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from authsvc.cli.account_import import import_accounts
from authsvc.cli.options import DEFAULT_SERVER, Json, Server, Yes
from authsvc.cli.output import show, show_one

if TYPE_CHECKING:
    from authn.v1.account_pb2 import Account

app = typer.Typer(help="Accounts of a running server.", no_args_is_help=True)

app.command("import")(import_accounts)

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT_ID", help="acc_…")]
_PAGE_SIZE = 1000


@app.command()
def create(
    username: Annotated[str, typer.Argument(help="The user name.")],
    *,
    email: Annotated[str, typer.Option(help="The e-mail address.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="A role; may be repeated.")] = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Make an account that can't log in by password.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """Make an account. The password is asked for, or read from standard input."""
    password = "" if no_password else _read_password()
    from authn.v1.account_service_pb2 import CreateAccountRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = AccountServiceStub(channel).CreateAccount(
            CreateAccountRequest(
                username=username, email=email, password=password, roles=role or ()
            )
        )
    show_one(_row(answer.account), as_json=as_json)


@app.command()
def get(
    account_id: AccountArgument, *, server: Server = DEFAULT_SERVER, as_json: Json = False
) -> None:
    """Show an account."""
    from authn.v1.account_service_pb2 import GetAccountRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = AccountServiceStub(channel).GetAccount(GetAccountRequest(account_id=account_id))
    show_one(_row(answer.account), as_json=as_json)


@app.command()
def export(account_id: AccountArgument, *, server: Server = DEFAULT_SERVER) -> None:
    """Print all that is kept about an account, as JSON."""
    from authn.v1.account_service_pb2 import ExportAccountRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415
    from google.protobuf.json_format import MessageToJson  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        request = ExportAccountRequest(account_id=account_id)
        data = AccountServiceStub(channel).ExportAccount(request)
    typer.echo(MessageToJson(data, preserving_proto_field_name=True))


@app.command("list")
def list_accounts(*, server: Server = DEFAULT_SERVER, as_json: Json = False) -> None:
    """List all accounts in the order in which they were made."""
    from authn.v1.account_service_pb2 import ListAccountsRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    rows: list[dict[str, str]] = []
    with connected(server) as channel:
        request = ListAccountsRequest(page_size=_PAGE_SIZE)
        while True:
            answer = AccountServiceStub(channel).ListAccounts(request)
            rows += map(_row, answer.accounts)
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
    show(rows, as_json=as_json)


@app.command()
def disable(account_id: AccountArgument, *, server: Server = DEFAULT_SERVER) -> None:
    """Close an account: its sessions and tokens are dead at once."""
    from authn.v1.account_service_pb2 import DisableAccountRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        answer = AccountServiceStub(channel).DisableAccount(
            DisableAccountRequest(account_id=account_id)
        )
    typer.echo(f"The account is closed as of revision {answer.revision}.")


@app.command()
def enable(account_id: AccountArgument, *, server: Server = DEFAULT_SERVER) -> None:
    """Open a closed account again. What was ended stays ended."""
    from authn.v1.account_service_pb2 import EnableAccountRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    with connected(server) as channel:
        AccountServiceStub(channel).EnableAccount(EnableAccountRequest(account_id=account_id))
    typer.echo("The account is open.")


@app.command()
def delete(
    account_id: AccountArgument, *, yes: Yes = False, server: Server = DEFAULT_SERVER
) -> None:
    """Delete an account with its sessions and personal data."""
    from authn.v1.account_service_pb2 import DeleteAccountRequest  # noqa: PLC0415
    from authn.v1.account_service_pb2_grpc import AccountServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    if not yes:
        typer.confirm("The account can't be brought back. Delete it?", abort=True)
    with connected(server) as channel:
        answer = AccountServiceStub(channel).DeleteAccount(
            DeleteAccountRequest(account_id=account_id)
        )
    typer.echo(f"The account is gone as of revision {answer.revision}.")


@app.command("reset-factors")
def reset_factors(
    account_id: AccountArgument, *, yes: Yes = False, server: Server = DEFAULT_SERVER
) -> None:
    """Take away all second factors of somebody who has lost them. Ends their sessions."""
    from authn.v1.factor_service_pb2 import ResetFactorsRequest  # noqa: PLC0415
    from authn.v1.factor_service_pb2_grpc import FactorServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    if not yes:
        typer.confirm("From then on the password alone opens the account. Go on?", abort=True)
    with connected(server) as channel:
        answer = FactorServiceStub(channel).ResetFactors(ResetFactorsRequest(account_id=account_id))
    typer.echo(f"The factors are gone as of revision {answer.revision}.")


def _read_password() -> str:
    """Ask for the password, or read the first line of standard input; never an argument."""
    if sys.stdin.isatty():
        answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().rstrip("\r\n")


def _row(account: "Account") -> dict[str, str]:
    from authn.v1.account_pb2 import AccountState  # noqa: PLC0415

    return {
        "account_id": account.account_id,
        "username": account.username,
        "email": account.email,
        "email_verified": "yes" if account.email_verified else "no",
        "phone_number": account.phone_number,
        "phone_number_verified": "yes" if account.phone_number_verified else "no",
        "state": AccountState.Name(account.state).removeprefix("ACCOUNT_STATE_"),
        "roles": " ".join(account.roles),
        "create_time": account.create_time.ToJsonString(),
    }
