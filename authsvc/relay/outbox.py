"""Relaying the events of one sink: in order, from the place up to which it has them all.

One worker does it at a time, under a lease. Should two take turns because the lease has moved, each
sends in order from a place up to which all was taken, and only one moves the cursor: events come
twice then, and neither out of order nor not at all. No transaction of SQL is open while a broker is
waited for.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from authsvc import telemetry
from authsvc.domain.clock import Clock
from authsvc.domain.event_reading import EventReader
from authsvc.domain.event_relay import DeadLetter, RelayStore
from authsvc.domain.events import KeptEvent
from authsvc.relay.cloudevents import Message
from authsvc.relay.delivery import Courier, Delivery
from authsvc.relay.sink import Outcome, SinkUnavailable

_BATCH = 1000
_TURN_SECONDS = 2.0
"""How long a turn goes on while there is more."""
LEASE = timedelta(seconds=10)
"""Longer than a turn that meets a broker which hangs: it has to open, and to be waited for."""
_ASK_AGAIN_SECONDS = 1.0
"""Until a worker asks again for a lease that another holds."""
_SHORTEST_REST, _LONGEST_REST = 0.25, 5.0
"""Seconds until a sink that was unavailable is tried again: twice as many each time."""
_UNKNOWN = -1

_log = telemetry.get_logger("authsvc.relay")

Render = Callable[[KeptEvent], Message]


class Lease(Protocol):
    """A claim that one worker holds at a time, for a while; after an outage two may."""

    def acquire(self) -> bool:
        """Take or renew it; say whether it is held. Raises StoreUnavailable."""

    def release(self) -> None:
        """Let another have it at once, if it is held. Raises StoreUnavailable."""


class Gauge(Protocol):
    """Counts what a sink has taken and what it has not."""

    def count_relayed(self, sink: str, outcome: str, count: int) -> None:
        """Count events that were `taken` or `refused`."""

    def count_outage(self, sink: str) -> None:
        """Count an attempt that found the sink unavailable."""


class Outbox:
    """Relays events to a sink."""

    def __init__(
        self,
        name: str,
        *,
        courier: Courier,
        lease: Lease,
        reader: EventReader,
        store: RelayStore,
        render: Render,
        gauge: Gauge,
        clock: Clock,
    ) -> None:
        self._name = name
        self._courier = courier
        self._lease = lease
        self._reader = reader
        self._store = store
        self._render = render
        self._gauge = gauge
        self._clock = clock
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._cursor = _UNKNOWN
        self._delivery: Delivery | None = None
        self._is_away = False
        self._rest_seconds = _SHORTEST_REST
        self._rests_until = 0.0

    def step(self) -> None:
        """Relay what there is, for a while; to be called again and again.

        Raises:
            StoreUnavailable: Redis or SQL does not answer. What was sent may be sent again.

        """
        with self._turn:
            if self._stopped.is_set() or time.monotonic() < self._rests_until:
                return
            ends = time.monotonic() + _TURN_SECONDS
            while self._holds() and self._relay(
                lambda: time.monotonic() < ends and not self._stopped.is_set()
            ):
                pass

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped.set()

    def close(self) -> None:
        """Close the connection and give the lease up; a turn that still hangs is left alone.

        Raises:
            StoreUnavailable: Redis does not answer; then the lease ends by itself.

        """
        self.stop()
        if self._turn.acquire(blocking=False):
            try:
                self._let_go()
                self._lease.release()
            finally:
                self._turn.release()

    def _holds(self) -> bool:
        """Take or renew the lease."""
        if self._lease.acquire():
            return True
        self._let_go()
        self._rests_until = time.monotonic() + _ASK_AGAIN_SECONDS
        return False

    def _relay(self, go_on: Callable[[], bool]) -> bool:
        """Relay a batch, and say whether to go on with the next one."""
        self._delivery = self._delivery or self._next()
        if self._delivery is None:
            self._courier.keep_alive()
            return False
        try:
            self._courier.deliver(self._delivery, go_on=go_on)
        except SinkUnavailable as outage:
            self._rest(outage, made_progress=self._delivery.taken > 0)
        else:
            self._note(is_away=False)
        self._advance(self._delivery)
        return not self._is_away and go_on()

    def _next(self) -> Delivery | None:
        if self._cursor == _UNKNOWN:
            self._cursor = self._store.cursor(self._name)
        kept = self._reader.after(self._cursor, limit=_BATCH)
        if not kept:
            return None
        if lost := kept[0].sequence - self._cursor - 1:
            _log.warning("events forgotten before they were relayed", sink=self._name, events=lost)
        return Delivery([self._render(each) for each in kept])

    def _advance(self, delivery: Delivery) -> None:
        """Note what was taken and what was refused; only then it is done."""
        place, refused = max(delivery.place(), self._cursor), list(delivery.refused.values())
        if place > self._cursor or refused:
            dead = dead_letters(self._name, refused, now=self._clock())
            if not self._store.advance(self._name, expected=self._cursor, to=place, dead=dead):
                _log.info("another worker relays to the sink", sink=self._name)
                self._let_go()
                return
            self._tell(delivery, dead)
            self._cursor = place
        if not delivery.pending:
            self._delivery = None

    def _tell(self, delivery: Delivery, dead: Sequence[DeadLetter]) -> None:
        self._gauge.count_relayed(self._name, "taken", delivery.taken)
        self._gauge.count_relayed(self._name, "refused", len(dead))
        for letter in dead:
            _log.warning(
                "event refused", sink=self._name, event_id=letter.event_id, reason=letter.reason
            )
        delivery.taken = 0
        delivery.refused.clear()

    def _rest(self, outage: SinkUnavailable, *, made_progress: bool) -> None:
        self._gauge.count_outage(self._name)
        self._note(is_away=True, reason=str(outage))
        if made_progress:
            self._rest_seconds = _SHORTEST_REST
        jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
        self._rests_until = time.monotonic() + self._rest_seconds * jitter
        self._rest_seconds = min(2 * self._rest_seconds, _LONGEST_REST)

    def _note(self, *, is_away: bool, **fields: str) -> None:
        """Say once that the sink is away, and that it is back: it may be tried a thousand times."""
        if is_away and not self._is_away:
            _log.warning("event sink unavailable", sink=self._name, **fields)
        if self._is_away and not is_away:
            _log.info("event sink available again", sink=self._name)
            self._rest_seconds = _SHORTEST_REST
        self._is_away = is_away

    def _let_go(self) -> None:
        """Forget what another worker may have changed meanwhile."""
        self._courier.close()
        self._cursor, self._delivery = _UNKNOWN, None


def dead_letters(sink: str, refused: Sequence[Outcome], *, now: datetime) -> list[DeadLetter]:
    """Give what is to be kept of messages that a sink has refused."""
    return [
        DeadLetter(
            sink=sink,
            sequence=outcome.message.sequence,
            event_id=outcome.message.event_id,
            type=outcome.message.type,
            reason=outcome.reason,
            refuse_time=now,
        )
        for outcome in refused
    ]
