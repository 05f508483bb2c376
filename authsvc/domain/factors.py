"""Second factors: what they are, and where they are kept.

An account that has one opens no session without one (P-MFA-3). To add or remove one raises the
account's epoch, so that nothing lives on that was opened under other factors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from authsvc.domain.accounts import Account, EndTokens
from authsvc.domain.events import Event
from authsvc.domain.identifiers import AccountId, FactorId
from authsvc.domain.revocation import Revocation


class FactorType(Enum):
    """What a factor is."""

    TOTP = "totp"
    """An authenticator app."""
    PASSKEY = "passkey"


FACTOR_LIMITS = {FactorType.TOTP: 3, FactorType.PASSKEY: 7}
"""How many of a type an account may have. Each app makes three more codes right to a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """An enrolled factor, without what proves it."""

    factor_id: FactorId
    account_id: AccountId
    type: FactorType
    display_name: str
    create_time: datetime
    last_use_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What makes a factor count."""

    factor: Factor
    limit: int
    """How many of its type the account may have, this one included."""
    recovery_code_hashes: Sequence[bytes]
    """Are kept if it is the account's first factor."""
    expected_epoch: int
    """The account's epoch when the caller proved who it is."""
    event: Event
    """Reports it."""
    end_tokens: EndTokens


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What came of an enrolment."""

    account: Account
    """With its new epoch."""
    revocation: Revocation
    is_first: bool
    """Whether the recovery codes were kept."""


class FactorStore(Protocol):
    """Keeps factors and recovery codes in SQL, and events with what they report (see `events.py`).

    Every write is durable when the call returns. Fails closed: StoreUnavailable, and then nothing
    was written. Whoever enrols a factor does so
    in one transaction with what proves it: see `TotpStore.enrol`.
    """

    def list(self, account_id: AccountId) -> Sequence[Factor]:
        """Give the account's factors, oldest first."""

    def remove(
        self,
        account_id: AccountId,
        factor_id: FactorId,
        *,
        now: datetime,
        event: Event,
        expected_epoch: int,
        end_tokens: EndTokens,
    ) -> tuple[Account, Revocation]:
        """Take a factor away, with the last one the recovery codes, and raise the epoch; atomic.

        Raises:
            AccountNotFound: No such account, or its epoch is not the expected one.
            FactorNotFound: It has no such factor.

        """

    def reset(
        self, account_id: AccountId, *, now: datetime, event: Event, end_tokens: EndTokens
    ) -> Revocation:
        """Take all factors, enrolments and recovery codes away and raise the epoch, atomically.

        Raises:
            AccountNotFound: No such account.

        """

    def count_recovery_codes(self, account_id: AccountId) -> int:
        """Say how many recovery codes have not been used."""

    def replace_recovery_codes(
        self,
        account_id: AccountId,
        code_hashes: Sequence[bytes],
        *,
        event: Event,
        expected_epoch: int,
    ) -> None:
        """Put new recovery codes in the place of all others, atomically.

        Raises:
            AccountNotFound: No such account, or its epoch is not the expected one.
            FactorNotFound: It has no factor that they could stand for.

        """

    def spend_recovery_code(self, account_id: AccountId, code_hash: bytes, *, event: Event) -> bool:
        """Use a recovery code up; of calls at once for one code one gets True.

        The event is that one's.
        """
