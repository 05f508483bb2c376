"""This process's copy of what was revoked, and for how long it may be believed.

`docs/decisions/0007-read-leases.md` has the argument why no acknowledged revocation is missed.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from authsvc.domain.feed import RevocationFeed
from authsvc.domain.revocation import Revocation
from authsvc.verify.claims import Claims
from authsvc.verify.revocations import (
    RevocationEntry,
    RevocationIndex,
    RevocationKind,
)


class ReadLease:
    """The right to answer from memory, until a moment on this process's own steady clock."""

    def __init__(self, life: timedelta, *, steady: Callable[[], float]) -> None:
        self._life = life.total_seconds()
        self._steady = steady
        self._end = float("-inf")
        self._is_given_up = False

    def extend(self, asked: float) -> None:
        """Hold the lease for its life from when the renewal was asked for."""
        self._end = asked + self._life

    def give_up(self) -> None:
        """Hold it no longer, for good: a renewal under way comes too late."""
        self._is_given_up = True

    def holds(self) -> bool:
        """Say whether it is held now. To be asked BEFORE anything is looked up."""
        return self._steady() < self._end and not self._is_given_up


class RevocationReplica:
    """What was revoked, in memory: fed by one thread, read by all."""

    def __init__(
        self,
        *,
        index: RevocationIndex,
        feed: RevocationFeed,
        lease: ReadLease,
        reload_keys: Callable[[], None],
    ) -> None:
        self._index = index
        self._reload_keys = reload_keys
        self.feed = feed
        self.lease = lease
        self.horizon = 0
        """No revision above it can have had an effect here yet."""

    @property
    def revision(self) -> int:
        """Up to which revision everything is known here."""
        return self.feed.revision

    def apply(self, revocations: Sequence[Revocation], *, revision: int) -> None:
        """Take in all that was revoked after `self.revision` and up to `revision`, in order.

        Raises:
            StoreUnavailable: A key was revoked and the keys can't be read; nothing was told to
                those who follow the feed, and the same is to be applied again.

        """
        self.horizon = max(self.horizon, revision)
        if any(revocation.kind is RevocationKind.KEY for revocation in revocations):
            self._reload_keys()
        self._index.add(map(_entry, revocations))
        self.feed.extend(revocations, revision=revision)

    def judge(self, claims: Claims) -> None:
        """Let a token pass that was not revoked.

        Raises:
            TokenInactive: It was.

        """
        self._index.judge(claims)

    def knows_end_of(self, subject: str, *, epoch: int, session_id: str) -> bool:
        """Say whether what a subject had at an epoch, or one session, was revoked."""
        return self._index.knows_end_of(subject, epoch=epoch, session_id=session_id)


def _entry(revocation: Revocation) -> RevocationEntry:
    return RevocationEntry(
        kind=revocation.kind,
        subject=revocation.subject,
        epoch=revocation.epoch,
        forget_at=revocation.remember_until.timestamp(),
    )
