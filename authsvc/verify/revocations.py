"""What was revoked, in memory, for as long as it matters.

An entry is one number and the minute at which it may be forgotten: under 100 bytes, so that a
million live revocations fit where a cache would. The number is Python's own 64-bit hash of a name:
keyed anew in each process and counted once for each string. Two names that share one would have a
good token refused; with a million live revocations that is one check in 10^13.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import TypeVar

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims, Delegation

_MINUTE = 60
_Name = TypeVar("_Name")
_Value = TypeVar("_Value")

_SWEEP = 10_000
"""How many entries are looked at before other threads get their turn."""


class RevocationKind(Enum):
    """What a revocation ends."""

    TOKEN = "token"  # noqa: S105 - a kind, not a secret
    SESSION = "session"
    ACCOUNT = "account"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class RevocationEntry:
    """One thing that was revoked, as far as a verifier must know it."""

    kind: RevocationKind
    subject: str
    """The `jti`, `sid`, `sub` or `kid` that it ends."""
    epoch: int
    """Of an account: tokens with a lower epoch are dead. Else 0."""
    forget_at: float
    """In seconds since 1970: after it, nothing that it ends could be accepted anyway."""


class RevocationIndex:
    """Knows what was revoked. Only grows until `forget`; threads may share it.

    It says nothing about whether it is up to date: that is for whoever feeds it.
    """

    def __init__(self) -> None:
        self._ended: dict[int, int] = {}
        self._accounts: dict[int, tuple[int, int]] = {}
        self._keys: dict[str, int] = {}
        # Many entries are forgotten in the same minute: they share one object that says so.
        self._shared_minutes: dict[int, int] = {}
        self._shared_epochs: dict[tuple[int, int], tuple[int, int]] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        """Count the revocations."""
        return len(self._ended) + len(self._accounts) + len(self._keys)

    def add(self, entries: Iterable[RevocationEntry]) -> None:
        """Take revocations in. Idempotent, in any order: an end or an epoch never goes back."""
        with self._changing:
            for entry in entries:
                self._add(entry)

    def judge(self, claims: Claims) -> None:
        """Let a token pass that was not revoked.

        Raises:
            TokenInactive: It was: TOKEN_REVOKED, SESSION_REVOKED, EPOCH or DELEGATION.

        """
        if hash(claims.token_id) in self._ended:
            raise TokenInactive(TokenDefect.TOKEN_REVOKED)
        if hash(claims.session_id) in self._ended:
            raise TokenInactive(TokenDefect.SESSION_REVOKED)
        least = self._accounts.get(hash(claims.subject))
        if least is not None and claims.epoch < least[0]:
            raise TokenInactive(TokenDefect.EPOCH)
        if claims.delegation is not None:
            self._judge_delegation(claims.delegation)

    def knows_end_of(self, subject: str, *, epoch: int, session_id: str) -> bool:
        """Say whether what a subject had at an epoch, or one session, was revoked."""
        least = self._accounts.get(hash(subject))
        return (least is not None and epoch < least[0]) or hash(session_id) in self._ended

    def is_key_revoked(self, key_id: str) -> bool:
        """Say whether a signing key was revoked. No ring may hold it."""
        return key_id in self._keys

    def forget(self, now: float) -> int:
        """Drop what need not be known after `now` (seconds since 1970); say how much that was."""
        minute = int(now) // _MINUTE
        self._shared_minutes.clear()
        self._shared_epochs.clear()
        return (
            self._sweep(self._ended, lambda until: until < minute)
            + self._sweep(self._accounts, lambda least: least[1] < minute)
            + self._sweep(self._keys, lambda until: until < minute)
        )

    def _judge_delegation(self, delegation: Delegation) -> None:
        if any(hash(token_id) in self._ended for token_id in delegation.token_ids) or any(
            self.knows_end_of(actor.subject, epoch=actor.epoch, session_id=actor.session_id)
            for actor in delegation.actors
        ):
            raise TokenInactive(TokenDefect.DELEGATION)

    def _add(self, entry: RevocationEntry) -> None:
        until = int(entry.forget_at) // _MINUTE  # to be forgotten once that minute is over
        if entry.kind is RevocationKind.KEY:
            self._keys[entry.subject] = max(until, self._keys.get(entry.subject, 0))
            return
        number = hash(entry.subject)
        if entry.kind is RevocationKind.ACCOUNT:
            epoch, before = self._accounts.get(number, (0, 0))
            least = (max(epoch, entry.epoch), max(before, until))
            self._accounts[number] = self._shared_epochs.setdefault(least, least)
        else:
            until = max(until, self._ended.get(number, 0))
            self._ended[number] = self._shared_minutes.setdefault(until, until)

    def _sweep(self, entries: dict[_Name, _Value], is_over: Callable[[_Value], bool]) -> int:
        dropped = 0
        names = iter(list(entries))
        while some := list(islice(names, _SWEEP)):
            with self._changing:
                for name in some:
                    if is_over(entries[name]):
                        del entries[name]
                        dropped += 1
        return dropped
