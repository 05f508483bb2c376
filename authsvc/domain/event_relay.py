"""How far security events have been relayed to a sink, and which ones it has refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from authsvc.domain.events import EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a sink refuses for good. The events after it are relayed all the same."""

    sink: str
    sequence: int
    event_id: EventId
    type: str
    reason: str
    """What the sink said, in words that hold no secret."""
    refuse_time: datetime
    """When it was refused last."""
    refusals: int = 1


class RelayStore(Protocol):
    """Keeps in SQL how far sinks are. Fails closed: StoreUnavailable, and nothing has changed."""

    def cursor(self, sink: str) -> int:
        """Give the place up to which a sink has all events; a new one begins with the oldest."""

    def advance(self, sink: str, *, expected: int, to: int, dead: Sequence[DeadLetter]) -> bool:
        """Move a cursor and keep dead letters, in one transaction.

        It MUST change nothing and give False unless the cursor is where it is expected to be: then
        another worker has taken over.
        """

    def bury(self, dead: Sequence[DeadLetter]) -> None:
        """Keep dead letters; of one that is there, count another refusal."""

    def dead_letters(self, sink: str, *, after: int, limit: int) -> Sequence[DeadLetter]:
        """Give dead letters of a sink after a place, in order."""

    def forget(self, sink: str, sequences: Sequence[int]) -> None:
        """Remove dead letters that the sink has taken after all."""

    def count_dead(self, sink: str) -> int:
        """Say how many dead letters a sink has."""

    def purge(self, *, up_to: int) -> None:
        """Forget the dead letters of events up to a place, which are kept no longer."""
