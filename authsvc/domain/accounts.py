"""Accounts of people: what they are, and where they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from authsvc.domain.identifiers import AccountId
from authsvc.domain.revocation import Revocation


class AccountState(Enum):
    """Whether an account may log in."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account."""

    account_id: AccountId
    username: str
    email: str | None
    email_verified: bool
    roles: tuple[str, ...]
    state: AccountState
    epoch: int
    password_hash: str | None = field(repr=False)
    """A PHC string; None if the account can't log in by password."""
    create_time: datetime
    update_time: datetime
    password_change_time: datetime | None
    has_second_factor: bool = False
    """True if it opens no session by one factor alone. Only `FactorStore` and its like change it,
    with the epoch."""


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED = _Unchanged.UNCHANGED
"""Stands for a field that a change leaves alone, where None would clear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What to change in an account; what is not named stays."""

    username: str | _Unchanged = UNCHANGED
    email: str | _Unchanged | None = UNCHANGED
    roles: tuple[str, ...] | _Unchanged = UNCHANGED
    state: AccountState | _Unchanged = UNCHANGED
    password_hash: str | _Unchanged = field(default=UNCHANGED, repr=False)
    password_change_time: datetime | _Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTokens:
    """Ends all tokens of the account together with a change: the epoch is raised and journalled."""

    reason: str
    remember_until: datetime
    """When the last token or session that this ends would have ended by itself."""


class AccountStore(Protocol):
    """Keeps accounts in SQL. Every write is durable when the call returns.

    Fails closed: StoreUnavailable, and then nothing was written.
    """

    def create(self, account: Account) -> None:
        """Keep a new account.

        Raises:
            UsernameTaken: Another account has this user name, in any case of its letters.

        """

    def find(self, account_id: AccountId) -> Account | None:
        """Give the account, or None."""

    def find_by_identifier(self, identifier: str) -> Account | None:
        """Give the account that logs in by this user name or, with an `@`, e-mail address.

        Compared without regard to case. Of the accounts that name an address, the one that has
        verified it counts, else the one that named it first.
        """

    def change(
        self,
        account_id: AccountId,
        change: AccountChange,
        *,
        now: datetime,
        end_tokens: EndTokens | None = None,
        expected_epoch: int | None = None,
    ) -> tuple[Account, Revocation | None]:
        """Change an account; MUST be atomic with the revocation that it journals.

        Returns:
            The account as it is now, and the revocation if `end_tokens` was given.

        Raises:
            AccountNotFound: No such account, or its epoch is not the expected one.
            UsernameTaken: Another account has the new user name.

        """

    def delete(self, account_id: AccountId, *, now: datetime, end_tokens: EndTokens) -> Revocation:
        """Remove an account and journal the end of its tokens, atomically.

        Raises:
            AccountNotFound: No such account.

        """

    def list(self, *, after: AccountId | None, limit: int) -> Sequence[Account]:
        """Give the accounts made after the given one, in the order of their ids."""
