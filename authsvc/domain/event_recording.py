"""Keeping events before what they report is answered, many in one transaction.

Whoever comes while others are being written waits, and the first of those that wait writes for all
of them: the more come at once, the less each costs.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventStore, EventType
from authsvc.errors import StoreUnavailable

_MOST = 500
"""Events in one transaction."""

_ROUTINE = frozenset({EventType.SESSION_REFRESHED})
"""What happens at every use of a session is told and not kept: the session says when that was."""


@dataclass(slots=True)
class _Entry:
    event: Event
    is_kept: bool = False
    failure: StoreUnavailable | None = None


class EventRecorder:
    """An `EventSink`; threads may share it."""

    def __init__(self, *, store: EventStore, tell: Callable[[Event], None], clock: Clock) -> None:
        """Keep events in a store, and tell of each once it is kept."""
        self._store = store
        self._tell = tell
        self._clock = clock
        self._waiting: deque[_Entry] = deque()
        self._writing = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Keep an event.

        Raises:
            StoreUnavailable: It may not be kept.

        """
        if event.type not in _ROUTINE:
            self._keep(_Entry(event))
        self._tell(event)

    def _keep(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        with self._writing:
            # Unless who had the lock before has written it too, it still waits.
            while not entry.is_kept and entry.failure is None:
                self._write_some()
        if entry.failure is not None:
            raise StoreUnavailable(str(entry.failure))

    def _write_some(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
        try:
            self._store.append([entry.event for entry in batch], now=self._clock())
        except StoreUnavailable as failure:
            for entry in batch:
                entry.failure = failure
        else:
            for entry in batch:
                entry.is_kept = True
