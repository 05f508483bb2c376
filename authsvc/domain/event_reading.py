"""Reading what happened."""

from collections.abc import Iterator, Sequence

from authsvc.domain.events import EventChain, EventFilter, EventMark, EventStore, KeptEvent
from authsvc.errors import EventsForgotten

_BATCH = 500


class EventReader:
    """Reads events; threads may share it."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def latest(self, wanted: EventFilter, *, before: int | None, limit: int) -> Sequence[KeptEvent]:
        """Give the latest events that are wanted, before a place if one is named, latest first."""
        return self._store.latest(wanted, before=before, limit=limit)

    def after(self, sequence: int, *, limit: int) -> Sequence[KeptEvent]:
        """Give the events after a place, in order."""
        return self._store.after(sequence, limit=limit)

    def head(self) -> int:
        """Give the place of the last event."""
        return self._store.ends()[1].sequence

    def place(self, requested: int | None) -> int:
        """Give the place to go on from; None stands for the last event's.

        Raises:
            EventsForgotten: Not all events after it are here.

        """
        base, last = self._store.ends()
        if requested is None:
            return last.sequence
        if not base.sequence <= requested <= last.sequence:
            raise EventsForgotten
        return requested

    def audit(self, chain: EventChain, *, since: EventMark | None) -> tuple[EventMark, int | None]:
        """Check the links of all events that are kept, or of those since a place noted before.

        Returns:
            The place of the last event, and the sequence of the first one whose link is wrong, or
            None.

        Raises:
            EventsForgotten: The noted place is not among the events that are kept.

        """
        base, last = self._store.ends()
        if since is not None:
            self.place(since.sequence)
            base = since
        wrong = chain.first_break(base, self._all(base.sequence, last.sequence), last)
        return last, wrong

    def _all(self, after: int, last: int) -> Iterator[KeptEvent]:
        while after < last and (batch := self._store.after(after, limit=_BATCH)):
            yield from (kept for kept in batch if kept.sequence <= last)
            after = batch[-1].sequence
