"""Attempts at proving who one is: reserved before they are made, given back if they were none."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import Overloaded, StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How often may be tried."""

    logins_per_account: int = 10
    """Failed logins with one identifier in a window (NIST SP 800-63B-4, 3.2.2 allows 100)."""
    logins_per_peer: int = 1_000
    """Failed logins from one address in a window; many people share one."""
    registrations_per_peer: int = 1_000
    passkey_starts_per_peer: int = 10_000
    """Ceremonies begun from one address in a window, most of them by pages that only offer them.
    Each is kept in Redis for as long."""
    second_factors_per_account: int = 10
    """Wrong codes of one kind in a window, whatever the challenge, session or address."""
    window: timedelta = timedelta(minutes=5)


class Attempts:
    """Lets attempts be made as often as the limits allow.

    Each method is a context: within it the attempt is made. A refusal that leaves it was an
    attempt; what was not answered for want of power or of a store was none.
    """

    def __init__(self, *, throttle: Throttle, limits: AttemptLimits, clock: Clock) -> None:
        self._throttle = throttle
        self._limits = limits
        self._clock = clock

    @contextmanager
    def login(self, identifier: str, *, peer: str) -> Iterator[None]:
        """Try a password for whoever has this identifier.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        by_peer = self._bucket("login-peer", peer, self._limits.logins_per_peer)
        with self._reserved(self._password(identifier), by_peer):
            yield

    @contextmanager
    def own_password(self, username: str) -> Iterator[None]:
        """Try the password of an account that is logged in.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        with self._reserved(self._password(username)):
            yield

    @contextmanager
    def registration(self, *, peer: str) -> Iterator[None]:
        """Try to make an account.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        limit = self._limits.registrations_per_peer
        with self._reserved(self._bucket("register-peer", peer, limit)):
            yield

    @contextmanager
    def second_factor(self, account_id: str, *, factor: str) -> Iterator[None]:
        """Try a second factor of an account. Each kind is counted apart, and apart from passwords.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        limit = self._limits.second_factors_per_account
        with self._reserved(self._bucket(f"factor {factor}", account_id, limit)):
            yield

    def start_passkey(self, call: Call) -> None:
        """Begin a ceremony.

        Raises:
            TooManyAttempts: The peer has begun as many as it may.

        """
        limit = self._limits.passkey_starts_per_peer
        bucket = self._bucket("passkey-start-peer", call.peer, limit)
        self._throttle.reserve((bucket,), now=self._clock())

    @contextmanager
    def passkey_login(self, call: Call) -> Iterator[None]:
        """Try a passkey of whoever it is.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        limit = self._limits.logins_per_peer
        with self._reserved(self._bucket("login-peer", call.peer, limit)):
            yield

    @contextmanager
    def _reserved(self, *buckets: Bucket) -> Iterator[None]:
        self._throttle.reserve(buckets, now=self._clock())
        try:
            yield
        except (Overloaded, StoreUnavailable):  # before anything was hashed
            self._throttle.release(buckets)
            raise
        self._throttle.release(buckets)

    def _password(self, identifier: str) -> Bucket:
        one_spelling = unicodedata.normalize("NFKC", identifier).casefold()
        return self._bucket("login", one_spelling, self._limits.logins_per_account)

    def _bucket(self, name: str, key: str, limit: int) -> Bucket:
        return Bucket(name=name, key=key, limit=limit, window=self._limits.window)
