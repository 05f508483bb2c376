"""Attempts at proving who one is: reserved before they are made, given back if they were none.

Two things bound them. *Windows* in Redis count what comes from an address, and all together; they
are for floods, and are lost with Redis. *Guesses* at what an account knows are counted in SQL, and
are let in by `guess_gate.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from authsvc.domain.accounts import Account
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.devices import KnownDevices
from authsvc.domain.guess_gate import GuessGate
from authsvc.domain.guessing import (
    DEVICE_GUESS,
    PASSWORD_GUESS,
    Counter,
    GuessStore,
    Patience,
    nobody,
)
from authsvc.domain.identifiers import AccountId
from authsvc.domain.names import canonical
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.domain.sessions import ClientInfo
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import Overloaded, RetryableError, StoreUnavailable, TooManyAttempts


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How often may be tried."""

    passwords: Patience = field(default_factory=Patience)
    """With the passwords of an account, or of a name that no account has."""
    factors: Patience = field(default_factory=lambda: Patience(remember_few=timedelta(days=30)))
    """With anything else that an account knows. A code has a million values, so a short row of
    guesses is remembered as long as a long one."""
    per_peer: int = 1_000
    """Failed logins from one address in a window, and as many refused registrations, each of which
    may tell that a name is taken, and as many one-time codes; many people share an address."""
    passkey_starts_per_peer: int = 10_000
    """Ceremonies begun from one address in a window, most of them by pages that only offer them.
    Each is kept in Redis for as long."""
    code_requests_per_holder: int = 5
    """One-time codes for one address in an hour; each of them is a message to somebody."""
    logins: int = 3_000
    """Failed logins of all in a window. Beyond, only known devices are let in (ASVS 6.3.1)."""
    window: timedelta = timedelta(minutes=5)
    code_request_window: timedelta = timedelta(hours=1)


class Attempts:
    """Lets attempts be made as often as the limits allow.

    Each method is a context: within it the attempt is made. A refusal that leaves it was an
    attempt; what was not answered for want of time, of power or of a store was none. What is done
    within, and may so fail, MUST be the same whether the attempt turns out right or wrong.
    """

    def __init__(
        self,
        *,
        throttle: Throttle,
        guesses: GuessStore,
        devices: KnownDevices,
        pseudonyms: Pseudonyms,
        limits: AttemptLimits,
        clock: Clock,
        on_throttled: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._throttle = throttle
        self._guesses = guesses
        self._gate = GuessGate(throttle=throttle, store=guesses, clock=clock)
        self._devices = devices
        self._pseudonyms = pseudonyms
        self._limits = limits
        self._clock = clock
        self._on_throttled = on_throttled

    @contextmanager
    def login(
        self, call: Call, identifier: str, account: Account | None, client: ClientInfo
    ) -> Iterator[None]:
        """Try a password for whoever has this identifier.

        Guesses on a known device count for that device alone, and no flood of others' holds it up.

        Args:
            call: The call that it is tried in.
            identifier: The name as it was typed.
            account: Whose it is, or None.
            client: The device that it is typed on.

        Raises:
            TooManyAttempts: No attempt is left.
            InvalidCredentials: None is left for the account, which this name must not tell.

        """
        counter = self._password(identifier, account)
        device = self._devices.find(counter.subject, client)
        windows: list[Bucket] = []
        if device is not None:
            kind = f"{DEVICE_GUESS}:{device.hex()[:16]}"
            counter = Counter(kind=kind, name=device, subject=counter.subject)
        else:
            origin, limits = call.origin(client.ip_address), self._limits
            windows = [
                self._window("login-peer", origin, limits.per_peer),
                self._window("login-all", "", limits.logins),
            ]
        with self._guess(counter, self._limits.passwords, windows):
            yield

    @contextmanager
    def own_password(self, account: Account) -> Iterator[None]:
        """Try the password of an account that is logged in.

        Raises:
            TooManyAttempts: No attempt is left.
            InvalidCredentials: None is left for the account under another name.

        """
        counter = self._password(account.username, account)
        with self._guess(counter, self._limits.passwords):
            yield

    @contextmanager
    def second_factor(self, account_id: AccountId, *, factor: str) -> Iterator[None]:
        """Try what proves an account besides its password: a code of an app, of a list, of a mail.

        Counted for each account and factor by itself, whatever challenge, session, device or
        address the attempt comes by.

        Args:
            account_id: Whose factor it is.
            factor: The kind of factor, such as `totp`; at most 40 characters; it may be logged.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        name = self._pseudonyms.of("factor", factor, account_id)
        counter = Counter(kind=factor, name=name, subject=account_id)
        with self._guess(counter, self._limits.factors):
            yield

    @contextmanager
    def registration(self, call: Call, client: ClientInfo) -> Iterator[None]:
        """Try to make an account.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        origin, limit = call.origin(client.ip_address), self._limits.per_peer
        with self._in_windows(self._window("register-peer", origin, limit)):
            yield

    def forget_old(self) -> None:
        """Forget wrong guesses that need not be remembered any longer."""
        self._guesses.purge(self._clock())

    @contextmanager
    def _guess(
        self, counter: Counter, patience: Patience, windows: Sequence[Bucket] = ()
    ) -> Iterator[None]:
        with self._counting_refusals(), self._gate.guess(counter, patience, windows):
            yield

    @contextmanager
    def code_request(self, call: Call, holder: bytes) -> Iterator[None]:
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
        by_peer = self._window("code-request-peer", call.origin(""), self._limits.per_peer)
        with self._counting_refusals():
            self._throttle.reserve((by_holder, by_peer), now=self._clock())
            try:
                yield
            except RetryableError:  # no code was issued
                self._throttle.release((by_holder, by_peer))
                raise

    @contextmanager
    def code(self, call: Call) -> Iterator[None]:
        """Bring a one-time code.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        window = self._window("code-peer", call.origin(""), self._limits.per_peer)
        with self._in_windows(window):
            yield

    @contextmanager
    def passkey_login(self, call: Call, client: ClientInfo) -> Iterator[None]:
        """Try a passkey of whoever it is.

        Raises:
            TooManyAttempts: No attempt is left.

        """
        origin = call.origin(client.ip_address)
        with self._in_windows(self._window("login-peer", origin, self._limits.per_peer)):
            yield

    def start_passkey(self, call: Call) -> None:
        """Begin a ceremony.

        Raises:
            TooManyAttempts: The peer has begun as many as it may.

        """
        limit = self._limits.passkey_starts_per_peer
        with self._counting_refusals():
            window = self._window("passkey-start-peer", call.origin(""), limit)
            self._throttle.reserve([window], now=self._clock())

    @contextmanager
    def _in_windows(self, *windows: Bucket) -> Iterator[None]:
        with self._counting_refusals():
            self._throttle.reserve(windows, now=self._clock())
            try:
                yield
            except (Overloaded, StoreUnavailable):  # before anything was told
                self._throttle.release(windows)
                raise
            self._throttle.release(windows)

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except TooManyAttempts as error:
            self._on_throttled(error.kind)
            raise

    def _password(self, identifier: str, account: Account | None) -> Counter:
        name = self._pseudonyms.of(PASSWORD_GUESS, canonical(identifier))
        subject = account.account_id if account is not None else nobody(name)
        return Counter(kind=PASSWORD_GUESS, name=name, subject=subject)

    def _window(self, name: str, key: str, limit: int) -> Bucket:
        return Bucket(name=name, key=key, limit=limit, window=self._limits.window)
