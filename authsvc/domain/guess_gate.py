"""The gate that guesses pass, and where they are settled.

1. A guess takes a place among those under way, then looks at the count in SQL. So of all guesses
   made at once no more are let in than may still be wrong, on however many workers.
2. Its outcome is settled in SQL before it is answered, wrong or right, and only while the count
   allows one more. What may not be settled is answered as if it had never been made. So however
   often Redis loses the places, no more guesses are *answered* than the count allows; there are
   only more hashes.
3. Then the place is given back. A guess that could not be settled keeps it for its window: while
   SQL can only be read, the failure of wrong guesses would else tell them from the right one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventType
from authsvc.domain.guessing import Counter, Guesses, GuessStore, Patience, Settlement
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import (
    DeadlineExceeded,
    InvalidCredentials,
    Overloaded,
    StoreUnavailable,
    TooManyAttempts,
)

_SOON = timedelta(seconds=1)
"""When those guesses are decided that are under way."""


class GuessGate:
    """Lets guesses in, and settles them."""

    def __init__(self, *, throttle: Throttle, store: GuessStore, clock: Clock) -> None:
        self._throttle = throttle
        self._guesses = store
        self._clock = clock

    @contextmanager
    def guess(
        self, counter: Counter, patience: Patience, windows: Sequence[Bucket] = ()
    ) -> Iterator[None]:
        """Let one guess be made within.

        Args:
            counter: Whose guess it is.
            patience: How many wrong ones are borne.
            windows: What it takes an attempt of besides.

        Raises:
            TooManyAttempts: No attempt is left.
            InvalidCredentials: None is left at the subject, which the name must not tell.

        """
        place = Bucket(
            name=_public(counter.kind),
            key=counter.name.hex(),
            limit=patience.free,
            window=patience.longest_wait,
            wait=_SOON,
        )
        buckets = [place, *windows]
        place_number, *_ = self._throttle.reserve(buckets, now=self._clock())
        try:
            self._let_in(counter, patience, place_number)
            yield
        except (Overloaded, StoreUnavailable, TooManyAttempts):  # before anything was tried
            self._throttle.release(buckets)
            raise
        except DeadlineExceeded:  # it cost a hash, and told nothing
            self._throttle.release([place])
            raise
        except Exception:
            self._settle(counter, patience, place, right=False)
            self._throttle.release([place])
            raise
        if self._accept(counter, patience, place):
            self._throttle.release(buckets)
            return
        self._throttle.release([place])
        detail = "too many attempts under the account's other names"
        raise InvalidCredentials(detail)

    def _let_in(self, counter: Counter, patience: Patience, place_number: int) -> None:
        now = self._clock()
        failures = self._guesses.look(counter, now=now).by_name
        wait = patience.wait(failures, now=now)
        if not wait and place_number > patience.at_once(failures):
            wait = _SOON
        if wait:
            raise TooManyAttempts(_public(counter.kind), retry_after=wait)

    def _accept(self, counter: Counter, patience: Patience, place: Bucket) -> bool:
        """Settle a right guess, mostly without a write; False if the subject has none left."""
        if self._guesses.look(counter, now=self._clock()).none:
            return True
        return self._settle(counter, patience, place, right=True)

    def _settle(self, counter: Counter, patience: Patience, place: Bucket, *, right: bool) -> bool:
        """Count a wrong guess or end the row with a right one; say whether it was ended.

        Raises:
            TooManyAttempts: Others made at once have used up what was left; nothing is counted.
            StoreUnavailable: It is not settled, and keeps its place.

        """
        now = self._clock()

        def judge(guesses: Guesses) -> Settlement:
            wait = patience.wait(guesses.by_name, now=now)
            if wait:
                raise TooManyAttempts(_public(counter.kind), retry_after=wait)
            if right and not patience.wait(guesses.at_subject, now=now):
                return Settlement(None)
            count = guesses.by_name.count + 1
            return Settlement(
                patience.remember(count), _wait_event(counter) if count >= patience.free else None
            )

        try:
            return self._guesses.settle(counter, judge, now=now).remember is None
        except TooManyAttempts:
            self._throttle.release([place])
            raise


def _wait_event(counter: Counter) -> Event:
    """Give what tells that from now on there is a wait."""
    return Event(
        type=EventType.ATTEMPTS_EXHAUSTED,
        actor="",
        peer="",
        subject=counter.subject if counter.is_of_account else "",
        succeeded=False,
        reason=_public(counter.kind),
    )


def _public(kind: str) -> str:
    """What may be logged and counted: not which device it was."""
    return kind.partition(":")[0]
