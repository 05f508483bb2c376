"""Throttling: how often something may be tried in a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """So many attempts of one kind by, or on, somebody."""

    name: str
    """The kind of attempt; it may be logged."""
    key: str = field(repr=False)
    """By or on whom. MUST be one spelling of the name; it is kept as a hash only."""
    limit: int
    """Attempts in a window."""
    window: timedelta
    """Begins with the first attempt, and ends early when all have been given back."""
    wait: timedelta | None = None
    """What to tell of an empty one, if its attempts are given back long before its window ends."""


class Throttle(Protocol):
    """Counts attempts. Fails closed: StoreUnavailable, and then there is no attempt."""

    def reserve(self, buckets: Sequence[Bucket], *, now: datetime) -> Sequence[int]:
        """Take one attempt from each bucket, or from none; exact under any parallelism.

        Returns:
            How many are taken of each bucket, this one included.

        Raises:
            TooManyAttempts: A bucket is empty; it says for how long.

        """

    def release(self, buckets: Sequence[Bucket]) -> None:
        """Give an attempt of each bucket back: it was none, or it succeeded."""
