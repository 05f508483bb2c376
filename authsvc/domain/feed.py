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


class RevocationFeed:
    """Holds the latest revocations and tells followers of new ones; threads may share it."""

    def __init__(self) -> None:
        self._revision = 0
        self._oldest = 0
        self._latest: deque[Revocation] = deque(maxlen=_KEPT)
        self._followers: list[Callable[[Piece], None]] = []
        self._telling = threading.Lock()

    @property
    def revision(self) -> int:
        """Up to which revision everything is known here."""
        return self._revision

    def extend(self, revocations: Sequence[Revocation], *, revision: int) -> None:
        """Go on with all that was revoked up to a revision, in order, and tell the followers.

        A follower is called with the feed locked: it MUST NOT block.
        """
        with self._telling:
            piece = Piece(self._revision, revision, tuple(revocations))
            overflow = len(self._latest) + len(revocations) - _KEPT
            if overflow > 0:
                self._oldest = [*self._latest, *revocations][overflow - 1].revision
            self._latest.extend(revocations)
            self._revision = revision
            for follower in self._followers:
                follower(piece)

    def follow(self, after_revision: int, follower: Callable[[Piece], None]) -> Piece | None:
        """Tell `follower` of every piece from now on, and give what it missed.

        Returns:
            The piece from `after_revision` to now; None if it is not at hand, and a snapshot of
            the journal is needed, which then goes on from `revision` or later.

        """
        with self._telling:
            self._followers.append(follower)
            if not self._oldest <= after_revision <= self._revision:
                return None
            missed = [r for r in self._latest if r.revision > after_revision]
            return Piece(after_revision, self._revision, missed)

    def leave(self, follower: Callable[[Piece], None]) -> None:
        """Tell `follower` nothing more."""
        with self._telling:
            self._followers.remove(follower)
