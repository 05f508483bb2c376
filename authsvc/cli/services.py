"""`authsvc services`: calling services and their API keys, directly in the database.

They work without a server, because the first caller must come from somewhere.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from authsvc.cli.options import Data, Json
from authsvc.cli.output import fail, show

if TYPE_CHECKING:
    from pathlib import Path

    from authsvc.domain.service_accounts import ServiceAccountStore

app = typer.Typer(help="Calling services and their API keys.", no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_CERTIFICATE_NAME = re.compile(
    rf"spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+|(?=.{{1,253}}\Z){_LABEL}([.]{_LABEL})*"
)
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The service's name.")]


@app.command()
def create(
    name: NameArgument,
    *,
    scope: Annotated[list[str] | None, typer.Option(help="A scope; may be repeated.")] = None,
    certificate_name: Annotated[
        list[str] | None,
        typer.Option(help="A SPIFFE ID or DNS name in its client certificate; may be repeated."),
    ] = None,
    data: Data = None,
) -> None:
    """Make a service account."""
    from authsvc.domain.identifiers import new_service_account_id  # noqa: PLC0415
    from authsvc.domain.service_accounts import (  # noqa: PLC0415
        EVERYTHING,
        ServiceAccount,
        ServiceAccountState,
    )
    from authsvc.errors import CertificateNameTaken, ServiceNameTaken  # noqa: PLC0415

    if not _NAME.fullmatch(name):
        fail("A name has lower-case letters, digits and `-`, begins with a letter, up to 63.")
    if not all(_SCOPE.fullmatch(one) for one in scope or ()):
        fail("A scope has up to 128 visible ASCII characters, without quotes and backslashes.")
    if not all(_CERTIFICATE_NAME.fullmatch(one) for one in certificate_name or ()):
        fail("A certificate name is spiffe://… or a DNS name in lower case, without wildcards.")
    now = _now()
    account = ServiceAccount(
        service_account_id=new_service_account_id(),
        name=name,
        scopes=tuple(sorted(set(scope or ()))),
        methods=(EVERYTHING,),
        audiences=(EVERYTHING,),
        certificate_names=tuple(sorted(set(certificate_name or ()))),
        public_keys=(),
        state=ServiceAccountState.ACTIVE,
        epoch=0,
        create_time=now,
        update_time=now,
    )
    with _store(data) as store:
        try:
            store.create(account)
        except ServiceNameTaken:
            fail(f"There is a service account {name} already.")
        except CertificateNameTaken:
            fail("Another service account has one of these certificate names.")
    if certificate_name:
        typer.echo("Made.", err=True)
        return
    typer.echo(f"Made. Give it a key with: authsvc services create-key {name}", err=True)


@app.command("list")
def list_services(*, data: Data = None, as_json: Json = False) -> None:
    """List the service accounts and their keys."""
    with _store(data) as store:
        rows = [
            {
                "name": account.name,
                "state": account.state.name,
                "scopes": " ".join(account.scopes),
                "keys": " ".join(
                    key.key_id + (" (revoked)" if key.revoke_time else "")
                    for key in store.list_keys(account.name)
                ),
            }
            for account in store.list(after=None, limit=10_000)
        ]
    show(rows, as_json=as_json)


@app.command("create-key")
def create_key(
    name: NameArgument,
    *,
    lifetime: Annotated[str, typer.Option(help="How long it works, for instance 90d.")] = "365d",
    data: Data = None,
) -> None:
    """Make an API key and print it, once: only its hash is kept."""
    from datetime import timedelta  # noqa: PLC0415

    from authsvc.configuration_values import parse_duration  # noqa: PLC0415
    from authsvc.domain.api_keys import (  # noqa: PLC0415
        ApiKey,
        hash_api_key,
        new_api_key,
        new_key_id,
    )
    from authsvc.domain.identifiers import account_partition, new_session_id  # noqa: PLC0415
    from authsvc.domain.service_accounts import EVERYTHING  # noqa: PLC0415

    try:
        life = parse_duration(lifetime)
    except (ValueError, OverflowError) as error:
        fail(f"--lifetime {error}")
    if not isinstance(life, timedelta) or life <= timedelta(0):
        fail("--lifetime is not positive.")
    text, now = new_api_key(), _now()
    with _store(data) as store:
        owner = store.find(name)
        if owner is None:
            fail(f"There is no service account {name}.")
        key = ApiKey(
            key_id=new_key_id(),
            service_account=name,
            session_id=new_session_id(account_partition(owner.service_account_id)),
            display_name="",
            scopes=(EVERYTHING,),
            secret_hash=hash_api_key(text),
            create_time=now,
            expire_time=now + life,
            revoke_time=None,
            last_use_time=None,
        )
        store.add_key(key)
    typer.echo(f"Key {key.key_id} works until {now + life:%Y-%m-%d}:", err=True)
    sys.stderr.flush()
    typer.echo(text)


@app.command("revoke-key")
def revoke_key(key_id: Annotated[str, typer.Argument(help="key_…")], *, data: Data = None) -> None:
    """End an API key."""
    from datetime import timedelta  # noqa: PLC0415

    from authsvc.domain.accounts import EndTokens  # noqa: PLC0415
    from authsvc.errors import ApiKeyNotFound  # noqa: PLC0415

    now = _now()
    end_tokens = EndTokens(reason="key revoked", remember_until=now + timedelta(days=1))
    with _store(data) as store:
        try:
            store.revoke_key(key_id, now=now, end_tokens=end_tokens)
        except ApiKeyNotFound:
            fail("There is no such key. `authsvc services list` shows them.")
    typer.echo("The key is revoked.")


@contextmanager
def _store(data: "Path | None") -> Iterator["ServiceAccountStore"]:
    from authsvc.config import ConfigurationError, load  # noqa: PLC0415
    from authsvc.errors import StoreUnavailable  # noqa: PLC0415
    from authsvc.stores.sql.engine import connect  # noqa: PLC0415
    from authsvc.stores.sql.migrate import is_current  # noqa: PLC0415
    from authsvc.stores.sql.service_accounts import SqlServiceAccountStore  # noqa: PLC0415

    try:
        config = load(data=data)
        engine = connect(config.sql_url())
    except ConfigurationError as error:
        fail(*error.faults)
    try:
        if not is_current(engine):
            fail("The SQL schema is not there or out of date. Run: authsvc migrate")
        yield SqlServiceAccountStore(engine)
    except StoreUnavailable as error:
        fail(f"AUTHSVC_DATABASE_URL: the database does not answer ({error}).")
    finally:
        engine.dispose()


def _now() -> datetime:
    from authsvc.domain.clock import from_milliseconds  # noqa: PLC0415

    return from_milliseconds(time.time_ns() // 1_000_000)
