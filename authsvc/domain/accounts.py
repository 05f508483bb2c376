"""Accounts of people: what they are, and where they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from authsvc.domain.addresses import Address, AddressKind
from authsvc.domain.events import Event
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
    phone_number: str | None = None
    phone_number_verified: bool = False

    def addresses(self) -> tuple[Address, ...]:
        """Give the present addresses, verified or not."""
        email, number = self.email, self.phone_number
        return (
            *([Address(AddressKind.EMAIL, email)] if email is not None else ()),
            *([Address(AddressKind.PHONE_NUMBER, number)] if number is not None else ()),
        )

    def verified_addresses(self) -> tuple[Address, ...]:
        """Give the present addresses that were proven to be those of the account."""
        verified = {
            AddressKind.EMAIL: self.email_verified,
            AddressKind.PHONE_NUMBER: self.phone_number_verified,
        }
        return tuple(address for address in self.addresses() if verified[address.kind])


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whose an address is, as far as it matters to whoever sends a code there."""

    account_id: AccountId
    epoch: int
    address: Address
    """The present one, as the account named it."""
    is_active: bool
    has_password: bool


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED = _Unchanged.UNCHANGED
"""Stands for a field that a change leaves alone, where None would clear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What to change in an account; what is not named stays."""

    username: str | _Unchanged = UNCHANGED
    email: str | _Unchanged | None = UNCHANGED
    phone_number: str | _Unchanged | None = UNCHANGED
    verified: AddressKind | _Unchanged = UNCHANGED
    """The kind of address that the account has proven to be its own."""
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
    """Keeps accounts in SQL, and events with what they report (see `events.py`).

    Every write is durable when the call returns. Fails closed: StoreUnavailable, and then nothing
    was written.
    """

    def create(self, account: Account, *, event: Event, must_look_new: bool = False) -> None:
        """Keep a new account.

        Args:
            account: The account.
            event: Reports it.
            must_look_new: Whether a user name is refused that looks like another's; MUST be
                atomic, so that of two which are made at once one is refused.

        Raises:
            UsernameTaken: Another account has this user name (`names.canonical`), or one that
                looks like it.

        """

    def has_look_alike(self, username: str) -> bool:
        """Say whether an account has this user name or one that looks like it.

        Names look alike by `names.skeleton`.
        """

    def find(self, account_id: AccountId) -> Account | None:
        """Give the account, or None."""

    def find_by_identifier(self, identifier: str) -> Account | None:
        """Give the account that logs in by this user name or, with an `@`, e-mail address.

        Compared by `names.canonical`. An address leads to the account that has verified it and to
        no other.
        """

    def find_addressee(
        self, address: Address, *, account_id: AccountId | None = None
    ) -> Addressee | None:
        """Give the account that has verified an address; there is at most one.

        With an account named give that one, if it has any address of the kind. The work MUST be the
        same whether or not there is one.
        """

    def change(
        self,
        account_id: AccountId,
        change: AccountChange,
        *,
        now: datetime,
        event: Event | None,
        end_tokens: EndTokens | None = None,
        expected_epoch: int | None = None,
        code_hash: bytes | None = None,
    ) -> tuple[Account, Revocation | None]:
        """Change an account; MUST be atomic with the revocation that it journals.

        Another address is not verified, and voids the account's one-time codes. The code of
        `code_hash` is used up; MUST be atomic with the change. The event is None for what is part
        of an act that has its own.

        Returns:
            The account as it is now, and the revocation if `end_tokens` was given.

        Raises:
            AccountNotFound: No such account, or its epoch is not the expected one.
            UsernameTaken: Another account has the new user name.
            InvalidCode: The code is used or void, or another account has verified the address.

        """

    def delete(
        self, account_id: AccountId, *, now: datetime, event: Event, end_tokens: EndTokens
    ) -> Revocation:
        """Remove an account with its codes and journal the end of its tokens, atomically.

        Raises:
            AccountNotFound: No such account.

        """

    def list(self, *, after: AccountId | None, limit: int) -> Sequence[Account]:
        """Give the accounts made after the given one, in the order of their ids."""
