"""One-time codes: sent to an address, and worth one act to whoever brings them back.

A code is issued to a calling service, which sends it, and is kept as a keyed hash only: eight
digits would be found from a plain one in seconds (NIST SP 800-63B-4, 3.1.3). For whom nothing may
be done a decoy is issued and kept in the same way, so that neither the answer nor the work tells
who has an account (ASVS 6.3.8).

Codes stand in SQL beside the accounts: a code is used up in the transaction that does what it
allows, wrong guesses are counted where nothing is lost, and no lost or restored Redis brings a code
or a guess back.
"""

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from authsvc.domain.accounts import Addressee
from authsvc.domain.addresses import Address
from authsvc.domain.clock import Clock
from authsvc.domain.events import Event
from authsvc.domain.identifiers import AccountId, new_account_id
from authsvc.errors import InvalidCode

_DIGITS = re.compile(r"[0-9]{8}")
_LINK = re.compile(r"[A-Za-z0-9_-]{43}")
_LINK_BYTES = 32


class CodeFormat(Enum):
    """What a code looks like."""

    DIGITS = "digits"
    """To be typed, and therefore to be guessed at."""
    LINK = "link"
    """To be followed: 256 bits."""


LIFETIMES = {CodeFormat.DIGITS: timedelta(minutes=10), CodeFormat.LINK: timedelta(hours=1)}
"""No longer than NIST SP 800-63B-4, 4.2.1 allows for a text message and for an e-mail."""


class CodePurpose(Enum):
    """What a code allows. No code of one purpose is any good for another."""

    PASSWORD_RESET = "password reset"  # noqa: S105 - a name
    VERIFICATION = "verification"


@dataclass(frozen=True, slots=True)
class GuessLimit:
    """How often may be guessed at the digits of one holder (NIST SP 800-63B-4, 3.2.2)."""

    guesses: int = 5
    """Wrong ones; the last voids the code. A right one begins anew. An account has two addresses,
    so that it never comes to more than ten."""
    window: timedelta = timedelta(hours=1)
    """Begins with the first wrong guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """A code on its way to an address."""

    text: str = field(repr=False)
    expire_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCode:
    """What is kept of a code."""

    holder: bytes
    """For what and whom: a keyed hash of the purpose and the address or account. It has one code
    at a time."""
    code_hash: bytes = field(repr=False)
    is_guessable: bool
    account_id: AccountId
    """Of a decoy one that no account has, so that it never works."""
    epoch: int
    """Of the account when the code was issued: whatever ends its tokens voids the code."""
    address: bytes
    """A keyed hash of the address that the code was issued for."""
    expire_time: datetime


class OneTimeCodeStore(Protocol):
    """Keeps codes in SQL. Every write is durable when the call returns.

    A code is used up by `AccountStore.change`. Fails closed: StoreUnavailable.
    """

    def keep(self, code: KeptCode, *, now: datetime, event: Event, limit: GuessLimit) -> None:
        """Keep a code in the place of its holder's last one; the count of wrong guesses stays.

        MUST be atomic with the event (see `events.py`).

        Raises:
            TooManyAttempts: It can be guessed at, and the guesses are used up.

        """

    def guess(
        self, hashes: Mapping[bytes, bytes], *, now: datetime, limit: GuessLimit
    ) -> KeptCode | None:
        """Give the live code that has the hash named for its holder, or count a wrong guess at all.

        MUST be exact under any parallelism, and MUST void a code with the last guess. A code that
        can't be guessed at is neither given nor harmed.
        """

    def find(self, code_hash: bytes, *, now: datetime) -> KeptCode | None:
        """Give the live code of this hash, or None."""

    def purge(self, before: datetime) -> int:
        """Forget the codes that ended before a moment, and the guesses at them."""


class OneTimeCodes:
    """Issues codes and recognises them."""

    def __init__(
        self, *, store: OneTimeCodeStore, key: bytes, clock: Clock, limit: GuessLimit | None = None
    ) -> None:
        """Take the key (32 bytes) under which codes are hashed."""
        self._store = store
        self._key = key
        self._clock = clock
        self._limit = limit or GuessLimit()

    def holder(self, purpose: CodePurpose, *names: str | bytes) -> bytes:
        """Give the keyed hash of what a code is for and whom, from which neither can be read."""
        return self._hash("holder", purpose.value, *names)

    def issue(
        self,
        holder: bytes,
        purpose: CodePurpose,
        address: Address,
        addressee: Addressee | None,
        form: CodeFormat,
        *,
        event: Event,
    ) -> IssuedCode:
        """Issue a code for an account, or a decoy where there is none.

        Raises:
            TooManyAttempts: The guesses at the holder's digits are used up.

        """
        now = self._clock()
        if form is CodeFormat.LINK:
            text = secrets.token_urlsafe(_LINK_BYTES)
            code_hash = self._link_hash(purpose, text)
        else:
            text = f"{secrets.randbelow(10**8):08d}"
            code_hash = self._digits_hash(holder, text)
        kept = KeptCode(
            holder=holder,
            code_hash=code_hash,
            is_guessable=form is CodeFormat.DIGITS,
            account_id=new_account_id() if addressee is None else addressee.account_id,
            epoch=0 if addressee is None else addressee.epoch,
            address=self._address_hash(address),
            expire_time=now + LIFETIMES[form],
        )
        self._store.keep(kept, now=now, event=event, limit=self._limit)
        return IssuedCode(text=text, expire_time=kept.expire_time)

    def recognise(self, holders: tuple[bytes, ...], purpose: CodePurpose, text: str) -> KeptCode:
        """Give what is kept of a code that was brought back; it is not used up yet.

        Args:
            holders: Those whose code it may be; for a LINK, none stands for any.
            purpose: What it is to allow.
            text: As it was brought. Spaces in digits do not count: people copy them.

        Raises:
            InvalidCode: It is none; if it was a guess, it was counted.

        """
        form, code = read_code(text)
        if form is CodeFormat.LINK:
            kept = self._find_link(holders, purpose, code)
        else:
            kept = self._guess(holders, code)
        if kept is None:
            detail = "wrong, expired, used or void code"
            raise InvalidCode(detail)
        return kept

    def address_of(self, kept: KeptCode, addresses: Sequence[Address]) -> Address | None:
        """Give the one of these addresses that a code was issued for, or None."""
        matching = (a for a in addresses if self._address_hash(a) == kept.address)
        return next(matching, None)

    def purge(self) -> int:
        """Forget what can neither be used nor be counted any longer."""
        return self._store.purge(self._clock() - self._limit.window)

    def _find_link(
        self, holders: tuple[bytes, ...], purpose: CodePurpose, code: str
    ) -> KeptCode | None:
        kept = self._store.find(self._link_hash(purpose, code), now=self._clock())
        return None if kept is None or (holders and kept.holder not in holders) else kept

    def _guess(self, holders: tuple[bytes, ...], code: str) -> KeptCode | None:
        hashes = {holder: self._digits_hash(holder, code) for holder in holders}
        return self._store.guess(hashes, now=self._clock(), limit=self._limit)

    def _link_hash(self, purpose: CodePurpose, code: str) -> bytes:
        return self._hash("link", purpose.value, code)

    def _digits_hash(self, holder: bytes, code: str) -> bytes:
        return self._hash("digits", holder, code)  # the same digits are the code of many

    def _address_hash(self, address: Address) -> bytes:
        return self._hash("address", address.kind.value, address.key)

    def _hash(self, *parts: str | bytes) -> bytes:
        message = b""
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            message += len(raw).to_bytes(4) + raw  # so that no two lists of parts are one message
        return hmac.digest(self._key, message, "sha256")


def read_code(text: str) -> tuple[CodeFormat, str]:
    """Tell the format of a code and give its one spelling.

    Raises:
        InvalidCode: It is neither eight ASCII digits nor 43 URL-safe characters.

    """
    digits = text.replace(" ", "")
    if _DIGITS.fullmatch(digits):
        return CodeFormat.DIGITS, digits
    if _LINK.fullmatch(text):
        return CodeFormat.LINK, text
    detail = "no code at all"
    raise InvalidCode(detail)
