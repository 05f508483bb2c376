"""Which kinds of foreign hashes the accounts hold: what each failed login owes.

A failed login computes a hash of every kind, its own account's or a dummy, so that nobody can tell
by the time which account has one (docs/decisions/0014-imported-hashes.md). Every worker therefore
has to know of a kind before the first account that has it can be logged into.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from authsvc.domain.foreign_hashes.foreign_hash import HashKind

FRESH_SECONDS = 1.0
"""How long a worker goes by what it read."""
_MARGIN_SECONDS = 0.1


class HashKindStore(Protocol):
    """Keeps the kinds in SQL. Fails closed: StoreUnavailable."""

    def list(self) -> Sequence[HashKind]:
        """Give one kind of each family: that with the greatest work."""

    def announce(self, kinds: Iterable[HashKind]) -> None:
        """Keep kinds, unless ones of the same family with as much work are kept."""


@dataclass(frozen=True, slots=True)
class _Known:
    work: Mapping[str, int]
    read_at: float
    changed_at: float


class HashKinds:
    """What a worker knows of the kinds; threads may share it."""

    def __init__(
        self,
        *,
        store: HashKindStore,
        steady: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._store = store
        self._steady = steady
        self._pause = pause
        self._changing = threading.Lock()
        self._known = _Known({}, -math.inf, -math.inf)

    def current(self) -> Sequence[HashKind]:
        """Give the kinds of all hashes that accounts hold, as they were a second ago or later.

        Raises:
            StoreUnavailable: They have to be read, and can't be.

        """
        known = self._known
        if self._steady() - known.read_at >= FRESH_SECONDS:
            known = self._read()
        return [HashKind(family, work) for family, work in known.work.items()]

    def announce(self, kinds: Iterable[HashKind]) -> None:
        """Make sure that every worker knows of kinds before accounts with them are kept.

        The first time that takes as long as a worker may go by what it read before.

        Raises:
            StoreUnavailable: It could not be made sure of.

        """
        wanted = list(kinds)
        known = {kind.family: kind.work for kind in self.current()}
        if any(kind.work > known.get(kind.family, 0) for kind in wanted):
            self._store.announce(wanted)
            self._read()
        # What this worker has just learnt may be new to the others as well.
        known_everywhere = self._known.changed_at + FRESH_SECONDS + _MARGIN_SECONDS
        while wanted and (left := known_everywhere - self._steady()) > 0:
            self._pause(left)

    def _read(self) -> _Known:
        asked_at = self._steady()
        work = {kind.family: kind.work for kind in self._store.list()}
        with self._changing:
            if asked_at >= self._known.read_at:  # else another thread has read later than this one
                same = work == self._known.work
                changed_at = self._known.changed_at if same else self._steady()
                self._known = _Known(work, asked_at, changed_at)
            return self._known
