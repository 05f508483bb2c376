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

    def extend(self, revocations: Sequence[Revocation], *, revision: int) -> None:
        """Go on with all that was revoked up to a revision, in order, and tell the followers."""
        with self._telling:
            piece = Piece(self._revision, revision, tuple(revocations))
            self._latest.extend(revocations)
            while len(self._latest) > _KEPT:
                self._oldest = self._latest.popleft().revision
            self._revision = revision
            for follower in self._followers:
                follower(piece)

    def repeat(self) -> None:
        """Tell the followers that everything up to the present revision is known."""
        with self._telling:
            piece = Piece(self._revision, self._revision, ())
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
