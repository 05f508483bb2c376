"""Attempts at proving who one is: reserved before they are made, given back if they were none."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from authsvc.domain.clock import Clock
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import Overloaded, RetryableError, StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How often may be tried."""

    logins_per_account: int = 10
    """Failed logins with one identifier in a window (NIST SP 800-63B-4, 3.2.2 allows 100)."""
    logins_per_peer: int = 1_000
    """Failed logins from one address in a window; many people share one."""
    registrations_per_peer: int = 1_000
    code_requests_per_holder: int = 5
    """One-time codes for one address in an hour; each of them is a message to somebody."""
    code_requests_per_peer: int = 1_000
    codes_per_peer: int = 1_000
    """Codes that were brought from one address in a window and were none."""
    window: timedelta = timedelta(minutes=5)
    code_request_window: timedelta = timedelta(hours=1)


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
    def code_request(self, holder: bytes, *, peer: str) -> Iterator[None]:
        """Ask for a one-time code. Each that is issued counts, for known and unknown alike.

        Raises:
            TooManyAttempts: No request is left.

        """
        by_holder = Bucket(
            name="code-request",
            key=holder.hex(),
            limit=self._limits.code_requests_per_holder,
            window=self._limits.code_request_window,
        )
        by_peer = self._bucket("code-request-peer", peer, self._limits.code_requests_per_peer)
        self._throttle.reserve((by_holder, by_peer), now=self._clock())
        try:
            yield
        except RetryableError:  # no code was issued
            self._throttle.release((by_holder, by_peer))
            raise

    @contextmanager
    def code(self, *, peer: str) -> Iterator[None]:
        """Bring a one-time code.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        with self._reserved(self._bucket("code-peer", peer, self._limits.codes_per_peer)):
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
