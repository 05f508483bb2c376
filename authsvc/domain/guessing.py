"""Guessing: how many wrong guesses are answered in a row, and how long the next has to wait.

Wrong guesses are counted in SQL before they are answered, so no loss of Redis, no death of a
process and no failed transaction gives one back. A right one ends the row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from authsvc.domain.events import Event

PASSWORD_GUESS = "password"  # noqa: S105 - the kind of a counter
DEVICE_GUESS = "device"
"""Begins the kind of a known device's counter, which tells the devices of an account apart."""

_NOBODY = "no_"

_MOST_DOUBLINGS = 16
"""A larger power of two would soon be more than a timedelta can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Whose wrong guesses at what are counted."""

    kind: str
    """What is guessed: `password`, `totp`, …; at most 40 characters; it may be logged."""
    name: bytes = field(repr=False)
    """A keyed hash of the name under which the guesses are made, kind included."""
    subject: str
    """The account that the name leads to; for one that leads nowhere, a stand-in for an account, so
    that both take the same work."""

    @property
    def is_of_account(self) -> bool:
        """Whether there is an account."""
        return not self.subject.startswith(_NOBODY)


def nobody(name: bytes) -> str:
    """Give the stand-in for the account of a name that no account has."""
    return _NOBODY + name.hex()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Wrong guesses in a row."""

    count: int = 0
    last_time: datetime | None = None
    """None if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """What is known of a counter."""

    by_name: Failures
    """Under its name. Whoever guesses may be told of them."""
    at_subject: Failures
    """At its subject, under all its names. To tell of them would tell which names belong together,
    and that there is an account."""

    @property
    def none(self) -> bool:
        """Whether nobody guessed wrong since the last right guess."""
        return not (self.by_name.count or self.at_subject.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many wrong guesses in a row are borne.

    Waits double from the first to the longest. NIST SP 800-63B-4, 3.2.2, ends a row of guesses at
    100; from there on one a day is answered, since none at all would lock the owner out for good.
    """

    free: int = 10
    """Wrong guesses before the first wait."""
    first_wait: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(minutes=15)
    many: int = 100
    wait_after_many: timedelta = timedelta(days=1)
    remember_few: timedelta = timedelta(days=1)
    """How long after the last one a row that has not had to wait is remembered."""
    remember_more: timedelta = timedelta(days=30)

    def wait(self, failures: Failures, *, now: datetime) -> timedelta:
        """Give how long no guess is answered; zero if one is."""
        if failures.last_time is None or failures.count < self.free:
            return timedelta(0)
        if failures.count >= self.many:
            pause = self.wait_after_many
        else:
            doublings = min(failures.count - self.free, _MOST_DOUBLINGS)
            pause = min(self.first_wait * 2**doublings, self.longest_wait)
        return max(failures.last_time + pause - now, timedelta(0))

    def at_once(self, failures: Failures) -> int:
        """Give how many guesses may be under way at once if none has to wait."""
        return max(self.free - failures.count, 1)

    def remember(self, count: int) -> timedelta:
        """Give how long after the last of so many wrong guesses they are remembered."""
        return self.remember_few if count < self.free else self.remember_more


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a guess."""

    remember: timedelta | None
    """How long to remember one more wrong guess; None to forget them all."""
    event: Event | None = None
    """Reports it, if it is worth a record."""


class GuessStore(Protocol):
    """Counts wrong guesses in SQL. Fails closed: StoreUnavailable, and then nothing was counted."""

    def look(self, counter: Counter, *, now: datetime) -> Guesses:
        """Give what is known of a counter."""

    def settle(
        self,
        counter: Counter,
        judge: Callable[[Guesses], Settlement],
        *,
        now: datetime,
    ) -> Settlement:
        """Count one more wrong guess or forget them all, as it is judged.

        MUST show `judge` what no other call changes meanwhile, and keep the outcome durably before
        it returns, in one transaction with its event (see `events.py`).

        Args:
            counter: Whose it is.
            judge: Says whether to count one more, or to forget all at the subject, and those under
                the name from the time when nobody had it; never another account's, whose name may
                look the same. What it raises leaves everything as it was. It may be called again.
            now: When it was guessed.

        Returns:
            The judgement that was kept.

        """

    def purge(self, now: datetime) -> int:
        """Forget what need not be remembered any longer; say how many rows it was."""
