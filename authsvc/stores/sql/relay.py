"""How far events have been relayed, and what was refused, in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from authsvc.domain.event_relay import DeadLetter
from authsvc.domain.events import EventId
from authsvc.stores.sql.schema import dead_letters, events_head, relay_cursors
from authsvc.stores.sql.transactions import read, write, write_what_is_missing


class SqlRelayStore:
    """A `RelayStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cursor(self, sink: str) -> int:
        """Give the place up to which a sink has all events; see `RelayStore.cursor`."""
        query = select(relay_cursors.c.sequence).where(relay_cursors.c.sink == sink)
        with read(self._engine) as connection:
            found = connection.scalar(query)
        if found is not None:
            return int(found)
        return write_what_is_missing(self._engine, lambda connection: _begin(connection, sink))

    def advance(self, sink: str, *, expected: int, to: int, dead: Sequence[DeadLetter]) -> bool:
        """Move a cursor and keep dead letters, unless another has moved it."""
        here = (relay_cursors.c.sink == sink) & (relay_cursors.c.sequence == expected)

        def work(connection: Connection) -> bool:
            moved = connection.execute(update(relay_cursors).where(here).values(sequence=to))
            if moved.rowcount == 0:
                return False
            _bury(connection, dead)
            return True

        return write_what_is_missing(self._engine, work)

    def bury(self, dead: Sequence[DeadLetter]) -> None:
        """Keep dead letters; of one that is there, count another refusal."""
        write_what_is_missing(self._engine, lambda connection: _bury(connection, dead))

    def dead_letters(self, sink: str, *, after: int, limit: int) -> Sequence[DeadLetter]:
        """Give dead letters of a sink after a place, in order."""
        query = (
            select(dead_letters)
            .where(dead_letters.c.sink == sink, dead_letters.c.sequence > after)
            .order_by(dead_letters.c.sequence)
            .limit(limit)
        )
        with read(self._engine) as connection:
            return [_dead_letter(row) for row in connection.execute(query)]

    def forget(self, sink: str, sequences: Sequence[int]) -> None:
        """Remove dead letters that the sink has taken after all."""
        these = (dead_letters.c.sink == sink) & dead_letters.c.sequence.in_(sequences)
        write(
            self._engine, lambda connection: connection.execute(delete(dead_letters).where(these))
        )

    def count_dead(self, sink: str) -> int:
        """Say how many dead letters a sink has."""
        query = select(func.count()).where(dead_letters.c.sink == sink)
        with read(self._engine) as connection:
            return int(connection.scalar(query) or 0)

    def purge(self, *, up_to: int) -> None:
        """Forget the dead letters of events that are kept no longer."""
        old = delete(dead_letters).where(dead_letters.c.sequence <= up_to)
        write(self._engine, lambda connection: connection.execute(old))


def _begin(connection: Connection, sink: str) -> int:
    query = select(relay_cursors.c.sequence).where(relay_cursors.c.sink == sink)
    found = connection.scalar(query)
    if found is None:
        found = connection.execute(select(events_head.c.base_sequence)).scalar_one()
        connection.execute(insert(relay_cursors).values(sink=sink, sequence=found))
    return int(found)


def _bury(connection: Connection, dead: Sequence[DeadLetter]) -> None:
    for letter in dead:
        this = (dead_letters.c.sink == letter.sink) & (dead_letters.c.sequence == letter.sequence)
        again = {
            "reason": letter.reason,
            "refuse_time": letter.refuse_time,
            "refusals": dead_letters.c.refusals + 1,
        }
        if connection.execute(update(dead_letters).where(this).values(again)).rowcount == 0:
            connection.execute(insert(dead_letters).values(_values(letter)))


def _values(letter: DeadLetter) -> dict[str, Any]:
    return {
        "sink": letter.sink,
        "sequence": letter.sequence,
        "event_id": letter.event_id,
        "type": letter.type,
        "reason": letter.reason,
        "refuse_time": letter.refuse_time,
        "refusals": letter.refusals,
    }


def _dead_letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        sink=row.sink,
        sequence=row.sequence,
        event_id=EventId(row.event_id),
        type=row.type,
        reason=row.reason,
        refuse_time=row.refuse_time,
        refusals=row.refusals,
    )
