"""The feed of revocations as this process has it: all in order, the latest ones at hand.

Whoever follows it (the watchers of other processes) is told of each piece once it is applied here,
and can go on from any of the latest revisions without a snapshot.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from authsvc.domain.revocation import Revocation

_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive revocations: all with `after_revision` < revision <= `revision`."""

    after_revision: int
    revision: int
    revocations: Sequence[Revocation]


Follower = Callable[[Piece], None]
"""Is called with the feed locked: it MUST NOT block, and MUST NOT call the feed."""


class RevocationFeed:
    """Holds the latest revocations and tells followers of new ones; threads may share it."""

    def __init__(self) -> None:
        self._revision = 0
        self._oldest = 0
        self._latest: deque[Revocation] = deque()
        self._followers: dict[Follower, None] = {}
        self._telling = threading.Lock()

    @property
    def revision(self) -> int:
        """Up to which revision everything is known here."""
        return self._revision

    def start(self, revision: int) -> None:
        """Begin with a revision before which nothing is at hand."""
        with self._telling:
            self._revision = self._oldest = revision
            self._latest.clear()

    def extend(self, revocations: Sequence[Revocation]) -> None:
        """Go on with the next revocations, in order and without a gap, and tell the followers.

        With none, the followers are told just that: everything up to `revision` is known.
        """
        with self._telling:
            revision = revocations[-1].revision if revocations else self._revision
            piece = Piece(self._revision, revision, tuple(revocations))
            self._latest.extend(revocations)
            while len(self._latest) > _KEPT:
                self._oldest = self._latest.popleft().revision
            self._revision = revision
            for follower in self._followers:
                follower(piece)

    def follow(self, after_revision: int, follower: Follower) -> bool:
        """Tell `follower` at once what it missed, maybe nothing, and then of every piece.

        Returns:
            False, with nothing told, if what it missed is not all at hand, or if it is ahead of
            this process: it needs a snapshot.

        """
        with self._telling:
            if not self._oldest <= after_revision <= self._revision:
                return False
            missed = tuple(r for r in self._latest if r.revision > after_revision)
            self._followers[follower] = None
            follower(Piece(after_revision, self._revision, missed))
            return True

    def leave(self, follower: Follower) -> None:
        """Tell `follower` nothing more, if it was told anything at all."""
        with self._telling:
            self._followers.pop(follower, None)
