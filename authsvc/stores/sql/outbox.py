"""Changes and the events that report them, in one transaction (a transactional outbox).

Events are kept last, whatever the work is: the head of all events is the last lock that any
transaction takes, so that none waits for it in a ring. Whoever holds it waits for nothing more.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from authsvc.domain.clock import Clock
from authsvc.domain.events import Event
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.transactions import write, write_what_is_missing

_T = TypeVar("_T")

Report = Callable[[Event], None]
"""Takes an event of what the transaction changes."""

Work = Callable[[Connection, Report], _T]


class Outbox:
    """Writes to SQL and tells of what was written; threads may share it."""

    def __init__(
        self, engine: Engine, *, store: SqlEventStore, tell: Callable[[Event], None], clock: Clock
    ) -> None:
        """Keep events in a store, and tell of each once it is durable."""
        self._engine = engine
        self._store = store
        self._tell = tell
        self._clock = clock

    def write(self, work: Work[_T]) -> _T:
        """Do work in one transaction with the events that it reports; as `transactions.write`."""
        return self._write(write, work)

    def write_what_is_missing(self, work: Work[_T]) -> _T:
        """Do likewise what looks what is there; as `transactions.write_what_is_missing`."""
        return self._write(write_what_is_missing, work)

    def _write(
        self, write_: Callable[[Engine, Callable[[Connection], _T]], _T], work: Work[_T]
    ) -> _T:
        reported: list[Event] = []

        def work_and_keep(connection: Connection) -> _T:
            reported.clear()  # an earlier attempt's were rolled back with it
            result = work(connection, reported.append)
            self._store.append_within(connection, reported, now=self._clock())
            return result

        result = write_(self._engine, work_and_keep)
        for event in reported:
            self._tell(event)
        return result
