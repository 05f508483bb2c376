"""When a revocation is in force everywhere: the wait between its journalling and the answer."""

import threading
from collections.abc import Callable
from datetime import timedelta

from authsvc.domain.roll import LeaseRoll, Roll
from authsvc.domain.tracing import Span, untraced
from authsvc.errors import StoreUnavailable

_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.02
_CLOCK_RATES = 1.01
"""By how much one machine's second may be longer than another's."""
_MARGIN = 1.0
"""How long, in seconds, living workers and Redis may take beside the leases."""


class Acknowledgement:
    """Waits until no worker can accept what was revoked; threads may share it.

    A worker refuses it once it has applied the revision; or its lease has ended, which is certain
    when its counter was seen to stand still for a whole lease and it is then off the roll.
    """

    def __init__(
        self,
        *,
        roll: LeaseRoll,
        lease: timedelta,
        steady: Callable[[], float],
        pause: Callable[[float], None],
        span: Span = untraced,
    ) -> None:
        self._roll = roll
        self._lease = lease.total_seconds()
        self._steady = steady
        self._pause = pause
        self._span = span
        self._reached = 0
        self._looking = threading.Lock()
        self._looks = 0
        self._last: Roll | None = None

    def note(self, revision: int) -> None:
        """Take note that every worker has applied a revision."""
        self._reached = max(self._reached, revision)

    def wait(self, revision: int) -> None:
        """Wait until every worker refuses what was revoked up to a revision.

        Raises:
            StoreUnavailable: It could not be made sure of in time.

        """
        if revision <= self._reached:
            return
        with self._span("wait for workers"):
            self._wait(revision)
        self.note(revision)

    def _wait(self, revision: int) -> None:
        sights = _Sights(self._lease)
        end = self._steady() + 2 * self._lease + _MARGIN  # an unsettled roll, then a frozen worker
        pause = _FIRST_PAUSE
        while not self._is_everywhere(revision, sights):
            if self._steady() > end:
                detail = "a worker has not confirmed a revocation"
                raise StoreUnavailable(detail)
            self._pause(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _is_everywhere(self, revision: int, sights: "_Sights") -> bool:
        asked = self._steady()
        roll = self._look()
        sights.take(roll, self._steady())
        behind = {
            name: member for name, member in roll.members.items() if member.applied < revision
        }
        for name, member in behind.items():
            if sights.stood_still((name, member.counter), asked):
                self._roll.strike(name, book=roll.book, counter=member.counter)
        is_settled = roll.is_settled or (bool(roll.book) and sights.stood_still(roll.book, asked))
        return is_settled and not behind

    def _look(self) -> Roll:
        """Give the roll as it was after this call began; threads share their looks."""
        looks = self._looks
        with self._looking:
            if self._looks == looks:
                self._looks += 1
                self._last = None
                self._last = self._roll.look()
            if self._last is None:
                detail = "the roll could not be read"
                raise StoreUnavailable(detail)
            return self._last


class _Sights:
    """Since when the same was seen, on one's own clock."""

    def __init__(self, lease: float) -> None:
        self._lease = lease * _CLOCK_RATES
        self._since: dict[object, float] = {}

    def take(self, roll: Roll, seen: float) -> None:
        """Note what a look at the roll has shown, once its answer was there."""
        self._since.setdefault(roll.book, seen)
        for name, member in roll.members.items():
            self._since.setdefault((name, member.counter), seen)

    def stood_still(self, what: object, asked: float) -> bool:
        """Say whether a whole lease lies between the first sight and a look asked for later."""
        return asked - self._since[what] >= self._lease
