"""Passwords: how they are hashed and checked, each by as much work as any other."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from authsvc.domain.foreign_hashes.foreign_hash import HashKind
from authsvc.domain.foreign_hashes.schemes import spend
from authsvc.domain.hashing_queue import HashingQueue
from authsvc.domain.imported_hash import ImportedHash, read_imported
from authsvc.domain.password_hashes import PasswordHashes
from authsvc.domain.tracing import Span, untraced

_T = TypeVar("_T")


class Passwords:
    """Hashes and checks passwords."""

    def __init__(
        self,
        *,
        hashes: PasswordHashes,
        queue: HashingQueue,
        foreign_kinds: Callable[[], Sequence[HashKind]] = tuple,
        span: Span = untraced,
    ) -> None:
        self._hashes = hashes
        self._queue = queue
        self._foreign_kinds = foreign_kinds
        self._span = span

    def hash(self, password: str, *, time_left: timedelta) -> str:
        """Hash a new password into a PHC string.

        Raises:
            Overloaded: The queue is full or the time would not do; nothing was hashed.
            DeadlineExceeded: The time is up.

        """
        return self._run(lambda: self._hashes.make(password), time_left)

    def verify(
        self, password: str, stored: str | None, *, is_open: bool = True, time_left: timedelta
    ) -> bool:
        """Say whether a password is the stored one; None stands for an account that has none.

        One hash is computed in every case, so that time tells nothing (CVE-2025-6011); and, unless
        the answer lets somebody in, one of each kind of foreign hash that any account has
        (docs/decisions/0014-imported-hashes.md).

        Args:
            password: The password as it was typed.
            stored: What the account keeps.
            is_open: Whether the right password lets the account in.
            time_left: How long an answer is of use.

        Raises:
            StoreUnavailable: The pepper of the hash is not configured; nothing was hashed.
            Overloaded: The queue is full or the time would not do; nothing was hashed.
            DeadlineExceeded: The time is up.
            StoreUnavailable: What is owed is not known; nothing was hashed.

        """
        owed = self._foreign_kinds()
        opens = is_open and stored is not None
        return self._run(lambda: self._judge(password, stored, owed, is_open=opens), time_left)

    def is_acceptable(self, stored: str) -> bool:
        """Say whether a stored hash may be computed; a password never matches one that may not."""
        return self._hashes.is_acceptable(stored) or read_imported(stored) is not None

    def has_own_costs(self, stored: str) -> bool:
        """Say whether a stored hash is one of ours, with the costs that new ones have."""
        return self._hashes.has_own_costs(stored)

    def check_room(self, *, time_left: timedelta) -> None:
        """Refuse early what would be refused now, so that it costs no store anything.

        Raises:
            Overloaded: The queue is full or the time would not do.

        """
        self._queue.check_room(time_left=time_left)

    def needs_rehash(self, stored: str) -> bool:
        """Say whether new hashes have another form, other parameters or another pepper."""
        return self._hashes.needs_rehash(stored)

    def close(self) -> None:
        """Finish what is being hashed and stop."""
        self._queue.close()

    def _judge(
        self, password: str, stored: str | None, owed: Sequence[HashKind], *, is_open: bool
    ) -> bool:
        imported = self._read_imported(stored)
        if imported is None:
            matches = self._hashes.matches(password, stored)
        elif imported.wrapping:
            matches = self._hashes.matches(imported.foreign.text_of(password), imported.wrapping)
        else:
            matches = imported.foreign.matches(password)
        if not (matches and is_open):
            if imported is not None and not imported.wrapping:
                self._hashes.matches(password, None)
            spend(owed, done=imported.foreign.kind if imported is not None else None)
        return matches

    def _read_imported(self, stored: str | None) -> ImportedHash | None:
        """Read a foreign hash; what has our own costs is none, whoever made it."""
        if stored is None or self._hashes.has_own_costs(stored):
            return None
        return read_imported(stored)

    def _run(self, work: Callable[[], _T], time_left: timedelta) -> _T:
        with self._span("password hash"):
            return self._queue.run(work, time_left=time_left)
