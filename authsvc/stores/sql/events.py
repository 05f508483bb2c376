"""Security events in SQL.

Sequences come from a row that every append locks until it commits, as in `journal.py`: whoever has
seen event 8 has not missed 7. The row also holds the last link, so that the chain has one end.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update

from authsvc.domain.events import (
    Event,
    EventChain,
    EventFilter,
    EventId,
    EventMark,
    KeptEvent,
)
from authsvc.stores.sql.schema import events, events_head
from authsvc.stores.sql.transactions import read, write

_BATCH = 500

# Built once: nearly every change of anything appends an event.
_HEAD = select(events_head).with_for_update()
_INSERT = insert(events)
_MOVE_HEAD = update(events_head).values(sequence=bindparam("last"), link=bindparam("last_link"))


class SqlEventStore:
    """An `EventStore`."""

    def __init__(self, engine: Engine, chain: EventChain) -> None:
        self._engine = engine
        self._chain = chain

    def append(self, new: Sequence[Event], *, now: datetime) -> None:
        """Keep events, all or none, after all that are there."""
        write(self._engine, lambda connection: self.append_within(connection, new, now=now))

    def append_within(self, connection: Connection, new: Sequence[Event], *, now: datetime) -> None:
        """Keep events as part of a transaction; do it last, it locks the head of all events."""
        if not new:
            return
        head = connection.execute(_HEAD).one()
        last = EventMark(head.sequence, head.link)
        kept = []
        for event in new:
            kept.append(self._chain.append(last, event, now=now))
            last = EventMark(kept[-1].sequence, kept[-1].link)
        connection.execute(_INSERT, [_values(each) for each in kept])
        connection.execute(_MOVE_HEAD, {"last": last.sequence, "last_link": last.link})

    def after(self, sequence: int, *, limit: int) -> Sequence[KeptEvent]:
        """Give the events after a place, in order."""
        query = (
            select(events)
            .where(events.c.sequence > sequence)
            .order_by(events.c.sequence)
            .limit(limit)
        )
        with read(self._engine) as connection:
            return [_kept(row) for row in connection.execute(query)]

    def latest(self, wanted: EventFilter, *, before: int | None, limit: int) -> Sequence[KeptEvent]:
        """Give the latest events that are wanted, latest first."""
        query = select(events).order_by(events.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(events.c.sequence < before)
        if wanted.types:
            query = query.where(events.c.type.in_(sorted(wanted.types)))
        for name in ("subject", "actor", "session_id"):
            if value := getattr(wanted, name):
                query = query.where(events.c[name] == value)
        with read(self._engine) as connection:
            return [_kept(row) for row in connection.execute(query)]

    def ends(self) -> tuple[EventMark, EventMark]:
        """Give the place after which events are kept, and the place of the last one."""
        with read(self._engine) as connection:
            head = connection.execute(select(events_head)).one()
        return EventMark(head.base_sequence, head.base_link), EventMark(head.sequence, head.link)

    def purge(self, *, older_than: datetime, up_to: int | None = None) -> int:
        """Forget the events before a time, oldest first, and none after a place if one is named."""
        purged = 0
        while batch := write(
            self._engine, lambda connection: _purge(connection, older_than, up_to)
        ):
            purged += batch
        return purged


def _purge(connection: Connection, older_than: datetime, up_to: int | None) -> int:
    """Forget a batch; what is kept MUST stay without gaps, even after a step of the clock."""
    head = connection.execute(_HEAD).one()
    rows = connection.execute(
        select(events.c.sequence, events.c.create_time, events.c.link)
        .where(events.c.sequence > head.base_sequence)
        .order_by(events.c.sequence)
        .limit(_BATCH)
    ).all()
    last = None
    for row in rows:
        is_needed = up_to is not None and row.sequence > up_to
        if is_needed or row.create_time >= older_than:
            break
        last = row
    if last is None:
        return 0
    connection.execute(delete(events).where(events.c.sequence <= last.sequence))
    connection.execute(update(events_head).values(base_sequence=last.sequence, base_link=last.link))
    return int(last.sequence - head.base_sequence)


def _values(kept: KeptEvent) -> dict[str, Any]:
    event = kept.event
    return {
        "sequence": kept.sequence,
        "event_id": kept.event_id,
        "create_time": kept.create_time,
        "type": event.type,
        "actor": event.actor,
        "peer": event.peer,
        "subject": event.subject,
        "session_id": event.session_id,
        "succeeded": event.succeeded,
        "reason": event.reason,
        "correlation_id": event.correlation_id,
        "traceparent": event.traceparent,
        "link": kept.link,
    }


def _kept(row: Row[Any]) -> KeptEvent:
    return KeptEvent(
        event_id=EventId(row.event_id),
        sequence=row.sequence,
        create_time=row.create_time,
        event=Event(
            type=row.type,
            actor=row.actor,
            peer=row.peer,
            subject=row.subject,
            session_id=row.session_id,
            succeeded=row.succeeded,
            reason=row.reason,
            correlation_id=row.correlation_id,
            traceparent=row.traceparent,
        ),
        link=row.link,
    )
