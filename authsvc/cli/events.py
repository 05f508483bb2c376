"""`authsvc events`: what happened, and whether the record of it is whole."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from authsvc.cli.database import chain_of, opened
from authsvc.cli.options import DEFAULT_SERVER, Data, Json, Server
from authsvc.cli.output import fail, show

if TYPE_CHECKING:
    from pathlib import Path

    from authn.v1.event_pb2 import Event

    from authsvc.domain.event_reading import EventReader
    from authsvc.domain.events import EventChain, EventMark

app = typer.Typer(help="Security events.", no_args_is_help=True)

_MARK = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@app.command("list")
def list_events(
    *,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Of this type; may be repeated.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Done to this account, token or key.")] = "",
    actor: Annotated[str, typer.Option(help="Done by this account or service.")] = "",
    session_id: Annotated[str, typer.Option("--session", help="Of this session.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    server: Server = DEFAULT_SERVER,
    as_json: Json = False,
) -> None:
    """List what happened, latest first."""
    from authn.v1.event_service_pb2 import EventFilter, ListEventsRequest  # noqa: PLC0415
    from authn.v1.event_service_pb2_grpc import EventServiceStub  # noqa: PLC0415

    from authsvc.cli.connection import connected  # noqa: PLC0415

    wanted = EventFilter(types=event_type, subject=subject, actor=actor, session_id=session_id)
    with connected(server) as channel:
        request = ListEventsRequest(filter=wanted, page_size=limit)
        answer = EventServiceStub(channel).ListEvents(request)
    show([_row(event) for event in answer.events], as_json=as_json)


@app.command()
def verify(
    *,
    since: Annotated[
        str, typer.Option(metavar="MARK", help="A mark that an earlier run printed.")
    ] = "",
    data: Data = None,
) -> None:
    """Find out whether events were changed or removed, directly in the database.

    It prints a mark. Note it where those who could change the database can't: with --since it shows
    that nothing before it was changed later, and that no event at the end was removed.
    """
    from authsvc.errors import EventsForgotten  # noqa: PLC0415

    mark = _read_mark(since) if since else None
    with _events(data) as (reader, chain):
        try:
            last, wrong = reader.audit(chain, since=mark)
        except EventsForgotten:
            fail("The event of this mark is not kept any longer, or was removed.")
    if wrong is not None:
        fail(f"Event {wrong} does not follow from the one before: one was changed or removed.")
    typer.echo(f"All events up to {last.sequence} are as they were kept. Mark:", err=True)
    typer.echo(f"{last.sequence}:{last.link.hex()}")


def _read_mark(text: str) -> "EventMark":
    from authsvc.domain.events import EventMark  # noqa: PLC0415

    match = _MARK.fullmatch(text)
    if match is None:
        fail("--since takes a mark as an earlier run printed it: SEQUENCE:LINK.")
    return EventMark(int(match[1]), bytes.fromhex(match[2]))


@contextmanager
def _events(data: "Path | None") -> "Iterator[tuple[EventReader, EventChain]]":
    from authsvc.domain.event_reading import EventReader  # noqa: PLC0415
    from authsvc.stores.sql.events import SqlEventStore  # noqa: PLC0415

    with opened(data) as (config, engine):
        chain = chain_of(config, engine)
        yield EventReader(SqlEventStore(engine, chain)), chain


def _row(event: "Event") -> dict[str, str]:
    from authn.v1.event_pb2 import EventOutcome  # noqa: PLC0415

    is_success = event.outcome == EventOutcome.EVENT_OUTCOME_SUCCESS
    return {
        "time": event.create_time.ToJsonString(),
        "type": event.type,
        "outcome": "success" if is_success else "failure",
        "reason": event.reason,
        "subject": event.subject,
        "actor": event.actor,
        "session": event.session_id,
        "peer": event.peer_address,
        "correlation_id": event.correlation_id,
    }
