"""Passwords: which are accepted, and how they are hashed without hurting anybody else.

Hashing runs on threads of its own, one a core, at low priority and behind a bounded queue, so that
a storm of logins delays logins and nothing else. A place in the queue belongs to the hash and not
to the request: a caller that goes away frees nothing, and cannot multiply the work.
"""

import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import argon2

from authsvc.domain.foreign_hashes.foreign_hash import HashKind
from authsvc.domain.foreign_hashes.schemes import spend
from authsvc.domain.imported_hash import read_imported
from authsvc.errors import DeadlineExceeded, FieldViolation, Overloaded, PasswordRejected

_T = TypeVar("_T")

MAX_PASSWORD_BYTES = 1024
"""Longer input is refused before it is hashed (CVE-2013-1443); well above the 64 code points that
NIST SP 800-63B-4, 3.1.1.2 asks for."""

HASHING_NICENESS = 10
"""Keeps nine tenths of the verify rate while every core hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Profile:
    """The costs of argon2id. The default is the OWASP profile, the floor of ASVS 11.4.2."""

    time_cost: int = 2
    memory_cost_kib: int = 19_456
    parallelism: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """Which new passwords are accepted (NIST SP 800-63B-4, 3.1.1.2). No rules of composition."""

    min_length: int = 15
    """Code points after NFC normalisation."""

    def check(self, password: str, *, field: str, names: tuple[str, ...] = ()) -> None:
        """Accept a new password or say all that is wrong with it.

        Args:
            password: The password as it was given.
            field: The field of the request that it came in.
            names: Words that it must not consist of, such as the user name.

        Raises:
            PasswordRejected: It breaks the policy.

        """
        normal = normalise(password)
        reasons = []
        if len(normal) < self.min_length:
            reasons.append(f"It needs at least {self.min_length} characters; a few words do.")
        if len(set(normal)) < _LEAST_DISTINCT:
            reasons.append("It repeats the same few characters.")
        if _is_made_of(normal, names):
            reasons.append("It consists of the account's own name or e-mail address.")
        if reasons:
            raise PasswordRejected(*(FieldViolation(field, reason) for reason in reasons))


_LEAST_DISTINCT = 5


def _is_made_of(password: str, names: tuple[str, ...]) -> bool:
    rest = password.casefold()
    for name in sorted((n.casefold() for n in names if n), key=len, reverse=True):
        rest = rest.replace(name, "")
    return len(rest) < _LEAST_DISTINCT


def normalise(password: str) -> str:
    """NFC, so that the same password typed on two systems is the same (RFC 8265, 4.2.2)."""
    return unicodedata.normalize("NFC", password)


class Passwords:
    """Hashes and checks passwords, one hash at a time for each permit."""

    def __init__(
        self,
        *,
        profile: Argon2Profile,
        permits: int = 1,
        queue_limit: int = 12,
        foreign_kinds: Callable[[], Sequence[HashKind]] = tuple,
        on_queue: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=profile.time_cost,
            memory_cost=profile.memory_cost_kib,
            parallelism=profile.parallelism,
            type=argon2.Type.ID,
        )
        self._permits = permits
        self._queue_limit = queue_limit
        self._foreign_kinds = foreign_kinds
        self._on_queue = on_queue
        self._waiting = 0
        self._seconds_per_hash = 0.0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(
            permits, thread_name_prefix="argon2", initializer=_lower_priority
        )
        self._dummy = self._hasher.hash(os.urandom(16))

    def hash(self, password: str, *, time_left: timedelta) -> str:
        """Hash a new password into a PHC string.

        Raises:
            Overloaded: The queue is full or the time would not do; nothing was hashed.
            DeadlineExceeded: The time is up.

        """
        return self._run(lambda: self._hasher.hash(_encode(password)), time_left)

    def verify(
        self, password: str, stored: str | None, *, is_open: bool = True, time_left: timedelta
    ) -> bool:
        """Say whether a password is the stored one; None stands for an account that has none.

        One hash of equal cost is computed in every case, so that time tells nothing
        (CVE-2025-6011); and, unless the answer lets somebody in, one of each kind of foreign hash
        that any account has (docs/decisions/0010-imported-hashes.md).

        Args:
            password: The password as it was typed.
            stored: What the account keeps.
            is_open: Whether the right password lets the account in.
            time_left: How long an answer is of use.

        Raises:
            Overloaded: The queue is full or the time would not do; nothing was hashed.
            DeadlineExceeded: The time is up.
            StoreUnavailable: What is owed is not known; nothing was hashed.

        """
        owed = self._foreign_kinds()
        matches = self._run(
            lambda: self._judge(password, stored, owed, is_open=is_open and stored is not None),
            time_left,
        )
        return matches and stored is not None

    def has_own_costs(self, stored: str) -> bool:
        """Say whether a stored hash is one of ours, with the costs that new ones have."""
        try:
            return not self._hasher.check_needs_rehash(stored)
        except argon2.exceptions.InvalidHashError:
            return False

    def needs_rehash(self, stored: str) -> bool:
        """Say whether a stored hash is another than new ones are."""
        return not self.has_own_costs(stored)

    def close(self) -> None:
        """Finish what is being hashed and stop."""
        self._threads.shutdown()

    def _judge(
        self, password: str, stored: str | None, owed: Sequence[HashKind], *, is_open: bool
    ) -> bool:
        own = stored if stored is not None and self.has_own_costs(stored) else None
        imported = read_imported(stored) if stored is not None and own is None else None
        if imported is None:  # also what no login may compute
            matches = self._matches(password, own or self._dummy)
        elif imported.wrapping:
            matches = self._matches(imported.foreign.text_of(password), imported.wrapping)
        else:
            matches = imported.foreign.matches(password)
        if not (matches and is_open):
            if imported is not None and not imported.wrapping:
                self._matches(password, self._dummy)
            spend(owed, done=imported.foreign.kind if imported is not None else None)
        return matches

    def _matches(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, _encode(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def _run(self, work: Callable[[], _T], time_left: timedelta) -> _T:
        future = self._admit(work, time_left)
        try:
            return future.result(timeout=max(0.0, time_left.total_seconds()))
        except FutureTimeoutError:
            raise DeadlineExceeded from None

    def _admit(self, work: Callable[[], _T], time_left: timedelta) -> "Future[_T]":
        with self._lock:
            wait = timedelta(seconds=self._waiting / self._permits * self._seconds_per_hash)
            if self._waiting >= self._permits + self._queue_limit or wait > time_left:
                detail = "the hashing queue is full or too slow for the deadline"
                raise Overloaded(detail, retry_after=max(wait, _LEAST_RETRY))
            self._waiting += 1
            self._on_queue(self._waiting)
        future = self._threads.submit(self._timed, work)
        future.add_done_callback(self._leave)
        return future

    def _timed(self, work: Callable[[], _T]) -> _T:
        started = time.monotonic()
        try:
            return work()
        finally:
            self._seconds_per_hash += (time.monotonic() - started - self._seconds_per_hash) / 8

    def _leave(self, _: object) -> None:
        with self._lock:
            self._waiting -= 1
            self._on_queue(self._waiting)


_LEAST_RETRY = timedelta(milliseconds=100)


def _encode(password: str) -> bytes:
    return normalise(password).encode()


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own to lower
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS)
