"""The fence: how an emptied, restored, swapped or failed-over Redis is told from the true one.

SQL holds a random value, the fence, and Redis holds the same in every partition. Every script
compares the two before it does anything. A Redis that lost its data has no fence; one that was
restarted or replaced has another run id, which each new connection compares. In either case the
store calls `FenceKeeper.restore`, which applies the journal again before it lets Redis be trusted.
A revoked key changes the fence, which makes every worker load the key ring anew at its next call.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from authsvc.domain.clock import Clock
from authsvc.domain.revocation import Revocation
from authsvc.errors import StoreUnavailable

_ATTEMPTS = 3


class FenceSource(Protocol):
    """The fence in SQL."""

    def current(self) -> bytes:
        """Give the fence; the first call ever makes it."""


class FencedStore(Protocol):
    """The fence in Redis, and what this process expects it to be."""

    def begin_restore(self) -> bytes:
        """Leave a fresh random mark in every partition, and give it."""

    def set_fence(self, fence: bytes, *, restore: bytes) -> bool:
        """Write the fence into every partition and expect it from now on.

        Returns:
            False, with the fence not expected, if a partition has lost the mark of the restore:
            Redis was emptied or replaced once more meanwhile.

        """


class LiveRevocations(Protocol):
    """The journal, as far as it must be applied again."""

    def head(self) -> int:
        """Give the latest revision; 0 for an empty journal."""

    def live(self, now: datetime) -> Iterator[Sequence[Revocation]]:
        """Give all revocations still to be remembered, oldest first, in batches."""


class AppliesRevocations(Protocol):
    """The marks, as far as they are made again."""

    def apply(self, revocations: Sequence[Revocation], *, now: datetime) -> int:
        """Mark revocations; see `RevocationMarks.apply`."""


class FenceKeeper:
    """Makes a doubtful Redis trustworthy again."""

    def __init__(
        self,
        *,
        source: FenceSource,
        journal: LiveRevocations,
        marks: AppliesRevocations,
        fenced: FencedStore,
        reload_keys: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._source = source
        self._journal = journal
        self._marks = marks
        self._fenced = fenced
        self._reload_keys = reload_keys
        self._clock = clock
        self._restoring = threading.Lock()
        self._restores = 0
        self.restored = 0
        """The revision up to which the latest restore has marked everything."""

    def restore(self) -> None:
        """Apply the journal to Redis, load the key ring, and set the fence, in this order.

        What is journalled after the fence was read is marked by whoever journalled it. Another
        thread's restore that ends after this call began is as good as one of its own.

        Raises:
            StoreUnavailable: SQL or Redis does not answer, or Redis keeps losing its data. It
                stays distrusted.

        """
        before = self._restores
        with self._restoring:
            if self._restores == before:
                self._restore()

    def enforce(self) -> None:
        """Put a fence that has just been changed in SQL in force.

        Unlike `restore` it never relies on another thread's, which may have read the old one.

        Raises:
            StoreUnavailable: SQL or Redis does not answer, or Redis keeps losing its data. It
                stays distrusted.

        """
        with self._restoring:
            self._restore()

    def _restore(self) -> None:
        for _ in range(_ATTEMPTS):
            if self._attempt():
                self._restores += 1
                return
        detail = "redis or the fence kept changing while it was being restored"
        raise StoreUnavailable(detail)

    def _attempt(self) -> bool:
        fence = self._source.current()
        mark = self._fenced.begin_restore()
        head = self._journal.head()
        now = self._clock()
        for batch in self._journal.live(now):
            self._marks.apply(batch, now=now)
        self._reload_keys()
        # Whoever changed the fence meanwhile may have set it already: the old one must not stay.
        if not self._fenced.set_fence(fence, restore=mark) or self._source.current() != fence:
            return False
        self.restored = head
        return True
