"""The database itself, for commands that need no server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from authsvc.cli.output import fail

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message
    from sqlalchemy import Engine

    from authsvc.config import Config
    from authsvc.domain.calls import Call
    from authsvc.domain.events import Event, EventChain
    from authsvc.domain.service_directory import ServiceDirectory
    from authsvc.stores.sql.sealing import Sealer


@contextmanager
def opened(data: "Path | None") -> Iterator[tuple["Config", "Engine"]]:
    """Give the configuration and its database; what is wrong with either ends the command."""
    from authsvc.config import ConfigurationError, load  # noqa: PLC0415
    from authsvc.errors import StoreUnavailable  # noqa: PLC0415
    from authsvc.store_faults import schema_faults  # noqa: PLC0415
    from authsvc.stores.sql.engine import connect  # noqa: PLC0415

    try:
        config = load(data=data)
        engine = connect(config.sql_url())
    except ConfigurationError as error:
        fail(*error.faults)
    try:
        if faults := list(schema_faults(engine)):
            fail(*faults)
        yield config, engine
    except ConfigurationError as error:
        fail(*error.faults)
    except StoreUnavailable as error:
        fail(f"AUTHSVC_DATABASE_URL: the database does not answer ({error}).")
    finally:
        engine.dispose()


@contextmanager
def service_directory(data: "Path | None") -> Iterator[tuple["ServiceDirectory", "Call"]]:
    """Give what looks after services, in the database, and the call of whoever sits here."""
    from authsvc import policies  # noqa: PLC0415
    from authsvc.domain.calls import Call  # noqa: PLC0415
    from authsvc.domain.service_directory import ServiceDirectory  # noqa: PLC0415
    from authsvc.errors import AuthError, StoreUnavailable  # noqa: PLC0415
    from authsvc.stores.sql.events import SqlEventStore  # noqa: PLC0415
    from authsvc.stores.sql.outbox import Outbox  # noqa: PLC0415
    from authsvc.stores.sql.service_accounts import SqlServiceAccountStore  # noqa: PLC0415
    from authsvc.transport.status import SPECS  # noqa: PLC0415

    with opened(data) as (config, engine):
        lifetimes = policies.lifetimes(config)
        store = SqlEventStore(engine, chain_of(config, engine))
        outbox = Outbox(engine, store=store, tell=_print_event, clock=_now)
        directory = ServiceDirectory(
            services=SqlServiceAccountStore(engine, outbox),
            remember=lambda: lifetimes.remember_service(_now()),
            # The servers that run put it in force; see `Revoker.publish_the_rest`.
            put_in_force=lambda revocation: revocation.revision if revocation else 0,
            clock=_now,
        )
        try:
            yield directory, Call(client_id="cli", client_scopes=None, peer="", time_left=timedelta)
        except StoreUnavailable:
            raise
        except AuthError as error:
            fail(SPECS[type(error)].message, *_violations(error))


def chain_of(config: "Config", engine: "Engine") -> "EventChain":
    """Give what links the events of a database."""
    from authsvc.recording import event_chain  # noqa: PLC0415
    from authsvc.stores.sql.settings import SqlSettings  # noqa: PLC0415

    return event_chain(SqlSettings(engine, sealer(config)))


def sealer(config: "Config") -> "Sealer":
    """Give what opens the secrets in SQL."""
    from authsvc.configuration_values import decode_master_key  # noqa: PLC0415
    from authsvc.embedded import dev_master_key, has_dev_master_key  # noqa: PLC0415
    from authsvc.stores.sql.sealing import Sealer  # noqa: PLC0415

    if config.master_key is not None:
        return Sealer(decode_master_key(config.master_key.get_secret_value()))
    # One that is made here is of use only to who has this very directory.
    if config.database_url is not None and not has_dev_master_key(config.data):
        fail("There is no master key. Set AUTHSVC_MASTER_KEY, or name a directory with --data.")
    if not config.data.exists():
        fail(f"There is no {config.data}. Set AUTHSVC_MASTER_KEY, or name a directory with --data.")
    return Sealer(decode_master_key(dev_master_key(config.data)))


def _print_event(event: "Event") -> None:
    """Say as what the act was recorded, for whoever looks for it among the events."""
    typer.echo(f"Recorded: {event.type} {event.subject}", err=True)


def validate_typed(request: "Message") -> None:
    """Hold what was typed against the rules of the contract."""
    from authsvc.errors import InvalidRequest  # noqa: PLC0415
    from authsvc.transport.validation import validate  # noqa: PLC0415

    try:
        validate(request)
    except InvalidRequest as error:
        fail(*_violations(error))


def _violations(error: Exception) -> list[str]:
    return [f"{v.field}: {v.description}" for v in getattr(error, "violations", ())]


def _now() -> datetime:
    from authsvc.domain.clock import from_milliseconds  # noqa: PLC0415

    return from_milliseconds(time.time_ns() // 1_000_000)
