"""Sending events to a sink again: those that it has refused, or a range that it has had.

They come behind newer ones, under the ids that they had: who has seen an id drops the event.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.domain.clock import Clock
from authsvc.domain.event_reading import EventReader
from authsvc.domain.event_relay import DeadLetter, RelayStore
from authsvc.domain.events import KeptEvent
from authsvc.relay.delivery import Courier, Delivery
from authsvc.relay.outbox import Render, dead_letters

_BATCH = 500


@dataclass(slots=True)
class Replayed:
    """What became of the events."""

    taken: int = 0
    refused: int = 0


class Replay:
    """Sends events of one sink again."""

    def __init__(
        self,
        name: str,
        *,
        courier: Courier,
        reader: EventReader,
        store: RelayStore,
        render: Render,
        clock: Clock,
    ) -> None:
        self._name = name
        self._courier = courier
        self._reader = reader
        self._store = store
        self._render = render
        self._clock = clock

    def refused(self) -> Replayed:
        """Send all dead letters again; those that are taken are none any longer.

        Raises:
            SinkUnavailable: The rest stays as it was.
            StoreUnavailable: What was sent may be a dead letter still.

        """
        replayed, after = Replayed(), 0
        while letters := self._store.dead_letters(self._name, after=after, limit=_BATCH):
            after = letters[-1].sequence
            self._send(self._events(letters), replayed)
        return replayed

    def range(self, after: int) -> Replayed:
        """Send again all after a place that the sink has had.

        Raises:
            EventsForgotten: Not all of them are kept.
            SinkUnavailable: Not all were sent.
            StoreUnavailable: The same.

        """
        replayed, end = Replayed(), self._store.cursor(self._name)
        place = self._reader.place(after)
        while place < end and (kept := self._reader.after(place, limit=_BATCH)):
            self._send([each for each in kept if each.sequence <= end], replayed)
            place = kept[-1].sequence
        return replayed

    def _events(self, letters: Sequence[DeadLetter]) -> list[KeptEvent]:
        events: list[KeptEvent] = []
        for letter in letters:
            events += self._reader.after(letter.sequence - 1, limit=1)
        wanted = {letter.event_id for letter in letters}
        return [kept for kept in events if kept.event_id in wanted]

    def _send(self, events: Sequence[KeptEvent], replayed: Replayed) -> None:
        delivery = Delivery([self._render(kept) for kept in events])
        try:
            self._courier.deliver(delivery)
        finally:
            refused = list(delivery.refused.values())
            self._store.bury(dead_letters(self._name, refused, now=self._clock()))
            unsettled = delivery.pending.keys() | delivery.refused.keys()
            taken = [kept.sequence for kept in events if kept.sequence not in unsettled]
            self._store.forget(self._name, taken)
            replayed.taken += len(taken)
            replayed.refused += len(refused)
