"""How far behind sinks are, whichever worker relays to them, and also while none does."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from authsvc.domain.clock import Clock
from authsvc.domain.event_reading import EventReader
from authsvc.domain.event_relay import RelayStore


class LagGauge(Protocol):
    """Tells whoever watches."""

    def set_lag(self, sink: str, *, events: int, seconds: float, dead_letters: int) -> None:
        """Take what a sink has not got yet, the age of the oldest, and what it has refused."""


class LagMeter:
    """Measures the lag of sinks."""

    def __init__(
        self,
        sinks: Sequence[str],
        *,
        reader: EventReader,
        store: RelayStore,
        gauge: LagGauge,
        clock: Clock,
    ) -> None:
        self._sinks = sinks
        self._reader = reader
        self._store = store
        self._gauge = gauge
        self._clock = clock

    def measure(self) -> None:
        """Measure each.

        Raises:
            StoreUnavailable: SQL does not answer.

        """
        for sink in self._sinks:
            cursor = self._store.cursor(sink)
            waiting = self._reader.after(cursor, limit=1)
            age = self._clock() - waiting[0].create_time if waiting else timedelta()
            self._gauge.set_lag(
                sink,
                events=max(0, self._reader.head() - cursor),
                seconds=max(0.0, age.total_seconds()),
                dead_letters=self._store.count_dead(sink),
            )
