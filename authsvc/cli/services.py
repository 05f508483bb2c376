"""`authsvc services`: calling services and their API keys, directly in the database.

They work without a server, because the first caller must come from somewhere. What is ended here
is in the journal, and servers that run hear of it within a second.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authsvc.cli.database import service_directory, validate_typed
from authsvc.cli.options import Data, Json, Yes
from authsvc.cli.output import fail, printable, show, show_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.domain.api_keys import ApiKey
    from authsvc.domain.service_accounts import ServiceAccount

app = typer.Typer(help="Calling services and their API keys.", no_args_is_help=True)

_PAGE = 1_000
_HEARD = "Servers that run hear of it within a second."

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The service's name.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="A scope; may be repeated.")]
Certificates = Annotated[
    list[str] | None,
    typer.Option(
        "--certificate-name", help="SPIFFE ID or DNS name in its certificate; may be repeated."
    ),
]
PublicKeys = Annotated[
    list[Path] | None,
    typer.Option("--public-key", help="File with a JWK of its assertions; may be repeated."),
]
_METHOD = "What it may call: package.Service/Method, package.Service/* or '*'; may be repeated."
_AUDIENCE = "For whom it may get and check tokens, or '*'; may be repeated."
OwnAudiences = Annotated[
    list[str] | None,
    typer.Option(
        "--own-audience", help="An audience that it is itself, to exchange tokens; may be repeated."
    ),
]


@app.command()
def create(
    name: NameArgument,
    *,
    method: Annotated[list[str], typer.Option(help=_METHOD)],
    audience: Annotated[list[str], typer.Option(help=_AUDIENCE)],
    own_audience: OwnAudiences = None,
    scope: Scopes = None,
    certificate: Certificates = None,
    public_key: PublicKeys = None,
    data: Data = None,
) -> None:
    """Make a service account."""
    from authn.v1.service_account_service_pb2 import CreateServiceAccountRequest  # noqa: PLC0415

    from authsvc.domain.service_directory import NewServiceAccount  # noqa: PLC0415

    lists = _lists(
        methods=method,
        audiences=audience,
        own_audiences=own_audience or [],
        scopes=scope or [],
        certificate_names=certificate or [],
    )
    keys = _read_keys(public_key or [])
    validate_typed(CreateServiceAccountRequest(name=name, **lists))
    with service_directory(data) as (directory, call):
        account = directory.create(call, NewServiceAccount(name=name, public_keys=keys, **lists))
    show_one(_row(account), as_json=False)
    if not keys and not certificate:
        typer.echo(
            f"It has no proof yet. Give it a key: authsvc services create-key {name}", err=True
        )


@app.command()
def allow(
    name: NameArgument,
    *,
    method: Annotated[list[str] | None, typer.Option(help=_METHOD)] = None,
    audience: Annotated[list[str] | None, typer.Option(help=_AUDIENCE)] = None,
    own_audience: OwnAudiences = None,
    scope: Scopes = None,
    certificate: Certificates = None,
    public_key: PublicKeys = None,
    data: Data = None,
) -> None:
    """Put new lists in the place of those that are named, and end the service's tokens."""
    from authn.v1.service_account_service_pb2 import UpdateServiceAccountRequest  # noqa: PLC0415
    from google.protobuf.field_mask_pb2 import FieldMask  # noqa: PLC0415

    from authsvc.domain.service_accounts import ServiceAccountChange  # noqa: PLC0415

    given = {
        "methods": method,
        "audiences": audience,
        "own_audiences": own_audience,
        "scopes": scope,
        "certificate_names": certificate,
    }
    lists = _lists(**{field: entries for field, entries in given.items() if entries})
    keys = _read_keys(public_key) if public_key else None
    if not lists and keys is None:
        fail("Name at least one list; `authsvc services allow --help` has them.")
    mask = FieldMask(paths=lists)
    validate_typed(UpdateServiceAccountRequest(name=name, **lists, update_mask=mask))
    with service_directory(data) as (directory, call):
        account, _ = directory.update(call, name, ServiceAccountChange(public_keys=keys, **lists))
    show_one(_row(account), as_json=False)
    typer.echo(f"These are its lists now, and its tokens have ended. {_HEARD}", err=True)


@app.command("list")
def list_services(*, data: Data = None, as_json: Json = False) -> None:
    """List the service accounts and their keys."""
    rows = []
    with service_directory(data) as (directory, _):
        page = directory.list(after=None, limit=_PAGE)
        while page:
            rows += [_row(account, directory.list_keys(account.name)) for account in page]
            page = directory.list(after=page[-1].name, limit=_PAGE)
    if not rows:
        typer.echo("There is none. Make one: authsvc services create --help", err=True)
    show(rows, as_json=as_json)


@app.command("show")
def show_service(name: NameArgument, *, data: Data = None, as_json: Json = False) -> None:
    """Show a service account."""
    with service_directory(data) as (directory, _):
        row = _row(directory.get(name), directory.list_keys(name))
    show_one(row, as_json=as_json)


@app.command()
def disable(name: NameArgument, *, data: Data = None) -> None:
    """Keep a service from calling, and end its tokens."""
    with service_directory(data) as (directory, call):
        directory.disable(call, name)
    typer.echo(f"The service {name} can't call any more, and its tokens have ended. {_HEARD}")


@app.command()
def enable(name: NameArgument, *, data: Data = None) -> None:
    """Let a service call again; its tokens stay ended."""
    with service_directory(data) as (directory, call):
        directory.enable(call, name)
    typer.echo(f"The service {name} may call. What was ended stays ended.")


@app.command()
def delete(name: NameArgument, *, yes: Yes = False, data: Data = None) -> None:
    """Delete a service account with its keys and tokens."""
    if not yes:
        typer.confirm(f"The service {name} and its keys will be gone. Go on?", abort=True)
    with service_directory(data) as (directory, call):
        directory.delete(call, name)
    typer.echo(f"The service {name} is gone, with its keys and tokens. {_HEARD}")


@app.command("create-key")
def create_key(
    name: NameArgument,
    *,
    lifetime: Annotated[str, typer.Option(help="How long it works, for instance 90d.")] = "365d",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="A scope of the service that it has; all of them if none is named."),
    ] = None,
    display_name: Annotated[str, typer.Option(help="What it is for.")] = "",
    data: Data = None,
) -> None:
    """Make an API key and print it, once: only its hash is kept."""
    from authn.v1.service_account_service_pb2 import CreateApiKeyRequest  # noqa: PLC0415

    from authsvc.configuration_values import parse_duration  # noqa: PLC0415
    from authsvc.domain.service_accounts import EVERYTHING  # noqa: PLC0415

    try:
        ttl: Any = parse_duration(lifetime)
    except (ValueError, OverflowError) as error:
        fail(f"--lifetime {error}")
    scopes = scope or [EVERYTHING]
    validate_typed(
        CreateApiKeyRequest(service_account=name, display_name=display_name, scopes=scopes, ttl=ttl)
    )
    with service_directory(data) as (directory, call):
        text, key = directory.create_key(
            call, name, display_name=display_name, scopes=scopes, ttl=ttl
        )
    typer.echo(
        f"The key {key.key_id} works until {key.expire_time:%Y-%m-%d}. The service sends it as "
        "x-authsvc-api-key. It is shown this once:",
        err=True,
    )
    sys.stderr.flush()
    typer.echo(text)


@app.command("list-keys")
def list_keys(name: NameArgument, *, data: Data = None, as_json: Json = False) -> None:
    """List the keys of a service, oldest first."""
    with service_directory(data) as (directory, _):
        keys = directory.list_keys(name)
    if not keys:
        typer.echo(f"It has none. Make one: authsvc services create-key {name}", err=True)
    show([_key_row(key) for key in keys], as_json=as_json)


@app.command("revoke-key")
def revoke_key(key_id: Annotated[str, typer.Argument(help="key_…")], *, data: Data = None) -> None:
    """End an API key and the tokens that were issued for it."""
    with service_directory(data) as (directory, call):
        directory.revoke_key(call, key_id)
    typer.echo(f"The key {key_id} is revoked, with the tokens issued for it. {_HEARD}")


def _lists(**entries: list[str]) -> dict[str, Any]:
    return {field: tuple(sorted(set(values))) for field, values in entries.items()}


def _read_keys(files: list[Path]) -> tuple[dict[str, str], ...]:
    import json  # noqa: PLC0415

    keys = []
    for file in files:
        try:
            key = json.loads(file.read_text())
        except (OSError, ValueError):
            fail(f"{printable(str(file))} can't be read as a JWK.")
        if not isinstance(key, dict) or not all(isinstance(value, str) for value in key.values()):
            fail(f"{printable(str(file))} is no public JWK.")
        keys.append(key)
    return tuple(keys)


def _row(account: "ServiceAccount", keys: "Sequence[ApiKey] | None" = None) -> dict[str, str]:
    row = {
        "name": account.name,
        "service_account_id": account.service_account_id,
        "state": account.state.name,
        "scopes": " ".join(account.scopes),
        "methods": " ".join(account.methods),
        "audiences": " ".join(account.audiences),
        "own_audiences": " ".join(account.own_audiences),
        "certificate_names": " ".join(account.certificate_names),
        "public_keys": " ".join(key["kid"] for key in account.public_keys),
    }
    if keys is not None:
        row["keys"] = " ".join(
            key.key_id + (" (revoked)" if key.revoke_time else "") for key in keys
        )
    return row


def _key_row(key: "ApiKey") -> dict[str, str]:
    def moment(time: datetime | None) -> str:
        return "" if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"

    return {
        "key_id": key.key_id,
        "display_name": key.display_name,
        "scopes": " ".join(key.scopes),
        "create_time": moment(key.create_time),
        "expire_time": moment(key.expire_time),
        "revoke_time": moment(key.revoke_time),
        "last_use_time": moment(key.last_use_time),
    }
