"""Attempts at proving who one is: reserved before they are made, given back if they were none.

Two things bound them. *Windows* in Redis count what comes from an address, and all together; they
are for floods, and are lost with Redis. *Guesses* at what an account knows are counted in SQL
(`guessing.py`), and Redis says only how many are under way:

1. A guess takes a place among those under way, then looks at the count in SQL. So of all guesses
   made at once no more are let in than may still be wrong, on however many workers.
2. Its outcome is settled in SQL before it is answered, wrong or right, and only while the count
   allows one more. What may not be settled is answered as if it had never been made. So however
   often Redis loses the places, no more guesses are *answered* than the count allows; there are
   only more hashes.
3. Then the place is given back. Of a guess that could not be settled it is kept for its window: with
   SQL unable to write, the silence on wrong guesses would else tell them from the right one.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from authsvc.domain.accounts import Account
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.devices import KnownDevices
from authsvc.domain.events import Event, EventSink, EventType
from authsvc.domain.guessing import (
    DEVICE_GUESS,
    NOBODY,
    PASSWORD_GUESS,
    Counter,
    Guesses,
    GuessStore,
    Patience,
)
from authsvc.domain.identifiers import AccountId
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.domain.sessions import ClientInfo
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import (
    DeadlineExceeded,
    InvalidCredentials,
    Overloaded,
    StoreUnavailable,
    TooManyAttempts,
)

_SOON = timedelta(seconds=1)
"""When those guesses are decided that are under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How often may be tried."""

    passwords: Patience = field(default_factory=Patience)
    """With the passwords of an account, or of a name that no account has."""
    factors: Patience = field(default_factory=lambda: Patience(remember_few=timedelta(days=30)))
    """With anything else that an account knows. A code has a million values, so a short row of
    guesses is remembered as long as a long one."""
    logins_per_peer: int = 300
    """Failed logins from one address in a window; many people share one."""
    logins: int = 3_000
    """Failed logins of all in a window. Beyond, only known devices are let in (ASVS 6.3.1)."""
    registrations_per_peer: int = 300
    """Refused registrations from one address in a window; each may tell that a name is taken."""
    window: timedelta = timedelta(minutes=5)


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
        record: EventSink,
        clock: Clock,
        on_throttled: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._throttle = throttle
        self._guesses = guesses
        self._devices = devices
        self._pseudonyms = pseudonyms
        self._limits = limits
        self._record = record
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
        buckets = []
        if device is not None:
            kind = f"{DEVICE_GUESS}:{device.hex()[:16]}"
            counter = Counter(kind=kind, name=device, subject=counter.subject)
        else:
            origin, limits = call.origin(client.ip_address), self._limits
            buckets = [
                self._window("login-peer", origin, limits.logins_per_peer),
                self._window("login-all", "", limits.logins),
            ]
        with self._guess(counter, self._limits.passwords, buckets):
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
        origin, limit = call.origin(client.ip_address), self._limits.registrations_per_peer
        buckets = [self._window("register-peer", origin, limit)]
        self._reserve(buckets)
        try:
            yield
        except (Overloaded, StoreUnavailable):  # before anything was told
            self._throttle.release(buckets)
            raise
        self._throttle.release(buckets)

    def forget_old(self) -> None:
        """Forget wrong guesses that need not be remembered any longer."""
        self._guesses.purge(self._clock())

    @contextmanager
    def _guess(
        self, counter: Counter, patience: Patience, windows: Sequence[Bucket] = ()
    ) -> Iterator[None]:
        place = Bucket(
            name=_public(counter.kind),
            key=counter.name.hex(),
            limit=patience.free,
            window=patience.longest_wait,
            wait=_SOON,
        )
        place_number, *_ = self._reserve([place, *windows])
        try:
            self._let_in(counter, patience, place_number)
            yield
        except (Overloaded, StoreUnavailable, TooManyAttempts):  # before anything was tried
            self._throttle.release([place, *windows])
            raise
        except DeadlineExceeded:  # it cost a hash, and told nothing
            self._throttle.release([place])
            raise
        except Exception:
            self._settle(counter, patience, place, right=False)
            raise
        if self._guesses.look(counter, now=self._clock()).none:
            self._throttle.release([place])
        elif not self._settle(counter, patience, place, right=True):
            detail = "too many attempts under the account's other names"
            raise InvalidCredentials(detail)
        self._throttle.release(windows)

    def _let_in(self, counter: Counter, patience: Patience, place_number: int) -> None:
        now = self._clock()
        failures = self._guesses.look(counter, now=now).by_name
        wait = patience.wait(failures, now=now)
        if not wait and place_number > patience.at_once(failures):
            wait = _SOON
        if wait:
            self._refuse(_public(counter.kind), wait)

    def _settle(self, counter: Counter, patience: Patience, place: Bucket, *, right: bool) -> bool:
        """Count a wrong guess or end the row with a right one; say whether it was ended.

        Raises:
            TooManyAttempts: Others made at once have used up what was left; nothing is counted.
            StoreUnavailable: It is not settled, and keeps its place.

        """
        now = self._clock()
        ends, waits = False, False

        def judge(guesses: Guesses) -> timedelta | None:
            nonlocal ends, waits
            wait = patience.wait(guesses.by_name, now=now)
            if wait:
                self._refuse(_public(counter.kind), wait)
            ends = right and not patience.wait(guesses.at_subject, now=now)
            waits = not ends and guesses.by_name.count + 1 >= patience.free
            return None if ends else patience.remember(guesses.by_name.count + 1)

        try:
            self._guesses.settle(counter, judge, now=now)
        except TooManyAttempts:
            self._throttle.release([place])
            raise
        if waits:
            self._on_exhausted(counter)
        self._throttle.release([place])
        return ends

    def _on_exhausted(self, counter: Counter) -> None:
        """Tell that from now on there is a wait."""
        event = Event(
            type=EventType.ATTEMPTS_EXHAUSTED,
            actor="",
            peer="",
            subject=counter.subject if counter.is_of_account else "",
            succeeded=False,
            reason=_public(counter.kind),
        )
        self._record(event)

    def _reserve(self, buckets: Sequence[Bucket]) -> Sequence[int]:
        try:
            return self._throttle.reserve(buckets, now=self._clock())
        except TooManyAttempts as error:
            self._on_throttled(error.kind)
            raise

    def _refuse(self, kind: str, wait: timedelta) -> NoReturn:
        self._on_throttled(kind)
        raise TooManyAttempts(kind, retry_after=wait)

    def _password(self, identifier: str, account: Account | None) -> Counter:
        one_spelling = unicodedata.normalize("NFKC", identifier).casefold()
        name = self._pseudonyms.of(PASSWORD_GUESS, one_spelling)
        subject = account.account_id if account is not None else NOBODY + name.hex()[:32]
        return Counter(kind=PASSWORD_GUESS, name=name, subject=subject)

    def _window(self, name: str, key: str, limit: int) -> Bucket:
        return Bucket(name=name, key=key, limit=limit, window=self._limits.window)


def _public(kind: str) -> str:
    """What may be logged and counted: not which device it was."""
    return kind.partition(":")[0]
