"""One-time codes of authenticator apps (TOTP, RFC 6238): six digits, 30 seconds, HMAC-SHA-1.

These are what every app supports. A code is known by its step, the number of 30 seconds since
1970: it counts once if the store's last step only goes forward (RFC 6238, 5.2), however the code is
spelled and wherever it is used again.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import pyotp

from authsvc.domain.events import Event
from authsvc.domain.factors import Enrolled, Enrolment
from authsvc.domain.identifiers import AccountId, FactorId

DIGITS = 6
PERIOD = 30
"""Seconds of a step."""

NO_STEP = -1
"""Before all steps: of an app whose codes were never used, and of what is no code."""

_WINDOW = (-1, 0, 1)
"""The steps whose codes are accepted, counted from the present one (RFC 6238, 5.2)."""

_SEED_BYTES = 20
"""RFC 4226, 4, R6 recommends 160 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingTotp:
    """An authenticator app that has not shown a code yet, and counts for nothing."""

    factor_id: FactorId
    account_id: AccountId
    display_name: str
    seed: bytes = field(repr=False)
    epoch: int
    """The account's epoch when it was made; it can't be confirmed at another."""
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """What an enrolled authenticator app and the server both know."""

    factor_id: FactorId
    seed: bytes = field(repr=False)
    last_step: int
    """The latest step whose code was used."""


class TotpStore(Protocol):
    """Keeps authenticator apps in SQL, their seeds sealed. Fails closed: StoreUnavailable.

    An event is kept with what it reports (see `events.py`).
    """

    def begin(self, pending: PendingTotp, *, event: Event) -> None:
        """Keep an app that is to be confirmed, in the place of any other of the account.

        Raises:
            AccountNotFound: No such account, or its epoch is another.

        """

    def find_pending(self, account_id: AccountId, factor_id: FactorId) -> PendingTotp | None:
        """Give an app that is to be confirmed, be it in time or late, or None."""

    def enrol(self, enrolment: Enrolment, pending: PendingTotp, *, step: int) -> Enrolled:
        """Make a pending app a factor whose last used step is this; MUST be atomic.

        Raises:
            AccountNotFound: No such account, or its epoch is not the expected one.
            FactorNotFound: It is not pending any longer.
            FactorLimitReached: The account has as many apps as it may have.

        """

    def secrets(self, account_id: AccountId) -> Sequence[TotpSecret]:
        """Give the secrets of the account's apps, oldest first."""

    def use(self, factor_id: FactorId, *, step: int, now: datetime, event: Event) -> bool:
        """Move the last step forward; of calls at once for one step one gets True.

        The event is that one's.
        """

    def purge(self, now: datetime) -> None:
        """Forget apps that were not confirmed in time."""


def new_seed() -> bytes:
    """Make the seed of an app."""
    return secrets.token_bytes(_SEED_BYTES)


def seed_text(seed: bytes) -> str:
    """Give a seed as people type it: base32 (RFC 4648, 6), which needs no padding here."""
    return base64.b32encode(seed).decode()


def otpauth_uri(seed: bytes, *, issuer: str, username: str) -> str:
    """Give what authenticator apps read from a QR code."""
    app = pyotp.TOTP(seed_text(seed), digits=DIGITS, interval=PERIOD)
    return app.provisioning_uri(name=username, issuer_name=issuer)


def matching_step(seed: bytes, code: str, *, now: datetime, after: int) -> int | None:
    """Give the step that a code is of, if it is in the window and later than another.

    There is one spelling: six ASCII digits. To other digits, spaces and signs nothing matches.
    """
    if len(code) != DIGITS or not code.isascii() or not code.isdigit():
        return None
    app = pyotp.TOTP(seed_text(seed), digits=DIGITS, interval=PERIOD)
    present = step_at(now)
    found = None
    for step in (present + offset for offset in _WINDOW):
        is_right = hmac.compare_digest(app.generate_otp(step), code)
        if is_right and step > after and found is None:
            found = step
    return found


def step_at(now: datetime) -> int:
    """Give the step of a moment."""
    return (now - _UNIX_EPOCH) // timedelta(seconds=PERIOD)


_UNIX_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
