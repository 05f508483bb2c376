"""The roll of those who answer from memory, and what each of them has applied.

It lives in Redis beside the feed and is worth nothing without the server that it was founded on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from authsvc.domain.revocation import Revocation


@dataclass(frozen=True, slots=True)
class Member:
    """A worker on the roll."""

    counter: int
    """How often it has renewed its lease: a worker whose counter stands still may be dead."""
    applied: int
    """The revision up to which it has applied everything; -1 before the first renewal."""


@dataclass(frozen=True, slots=True)
class Roll:
    """The roll at a moment."""

    book: bytes
    """Which roll it is: a new one is founded when the last was lost. Empty if there is none."""
    is_settled: bool
    """Whether every lease of an earlier roll has ended."""
    members: Mapping[bytes, Member]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a worker gets when it is put on the roll."""

    book: bytes
    feed_end: bytes
    """The place in the feed from which it must follow."""


class LeaseRoll(Protocol):
    """Keeps the roll. Fails closed: StoreUnavailable."""

    def enrol(self, member: bytes) -> Enrolment:
        """Put a worker on the roll, founding one if there is none of this server."""

    def renew(self, member: bytes, *, book: bytes, applied: int, settle: bool) -> int | None:
        """Note what a worker has applied, and settle the roll if it says so.

        Returns:
            The least revision that every worker has applied; None if this one is not on this roll.

        """

    def look(self) -> Roll:
        """Give the roll as it is."""

    def strike(self, member: bytes, *, book: bytes, counter: int) -> None:
        """Take a worker off the roll, unless it has renewed since the counter was read."""

    def sign_off(self, member: bytes) -> None:
        """Take oneself off the roll, after the last answer from memory."""


class FeedStream(Protocol):
    """The feed in Redis: quick and not to be relied on, the journal fills what it lacks."""

    def publish(self, revocations: Sequence[Revocation]) -> None:
        """Append revocations."""

    def read(self, after: bytes, *, wait: float) -> tuple[Sequence[Revocation], bytes]:
        """Give what came after a place in the feed, and the new place.

        Waits for so many seconds if there is nothing.
        """
