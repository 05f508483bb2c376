"""Accounts in SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from authsvc.domain.accounts import UNCHANGED, Account, AccountChange, Addressee, EndTokens
from authsvc.domain.addresses import Address
from authsvc.domain.events import Event
from authsvc.domain.guessing import DEVICE_GUESS, PASSWORD_GUESS
from authsvc.domain.identifiers import AccountId
from authsvc.domain.revocation import Revocation
from authsvc.errors import AccountNotFound, InvalidCode, UsernameTaken
from authsvc.stores.sql.account_lookup import find_by_identifier
from authsvc.stores.sql.account_rows import (
    account_from,
    account_values,
    changed_values,
    looks_like,
)
from authsvc.stores.sql.addressees import addressee_from, addressee_query
from authsvc.stores.sql.devices import forget_devices
from authsvc.stores.sql.guesses import forget_guesses
from authsvc.stores.sql.journal import append_within
from authsvc.stores.sql.one_time_codes import use_up_within, void_within
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import accounts
from authsvc.stores.sql.transactions import read
from authsvc.verify.revocations import RevocationKind

_ADDRESS_KEYS = {"email_key", "phone_number"}
"""What an account's addresses stand in; a change that sets one names another address."""


class SqlAccountStore:
    """An `AccountStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def create(self, account: Account, *, event: Event, must_look_new: bool = False) -> None:
        """Keep a new account; see `AccountStore.create`."""

        def work(connection: Connection, report: Report) -> None:
            if must_look_new and _has_look_alike(connection, account.username):
                message = "another account has a user name that looks like this one"
                raise UsernameTaken(message)
            values = account_values(account, claims_look=must_look_new)
            with _unique_username():
                connection.execute(insert(accounts).values(values))
            report(event)

        self._outbox.write(work)

    def has_look_alike(self, username: str) -> bool:
        """Say whether a user name looks like one that is there."""
        with read(self._engine) as connection:
            return _has_look_alike(connection, username)

    def find(self, account_id: AccountId) -> Account | None:
        """Give the account, or None."""
        with read(self._engine) as connection:
            row = connection.execute(
                select(accounts).where(accounts.c.account_id == account_id)
            ).first()
        return None if row is None else account_from(row)

    def find_by_identifier(self, identifier: str) -> Account | None:
        """Give the account of a user name or an address; see `AccountStore.find_by_identifier`."""
        with read(self._engine) as connection:
            return find_by_identifier(connection, identifier)

    def find_addressee(
        self, address: Address, *, account_id: AccountId | None = None
    ) -> Addressee | None:
        """Give whose an address is, or None; see `AccountStore.find_addressee`."""
        with read(self._engine) as connection:
            row = connection.execute(addressee_query(address, account_id)).one()
        return addressee_from(row, address.kind)

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
        """Change an account and end its tokens, atomically; see `AccountStore.change`."""

        def work(connection: Connection, report: Report) -> tuple[Account, Revocation | None]:
            row = lock_account(connection, account_id, expected_epoch=expected_epoch)
            if code_hash is not None:
                use_up_within(connection, account_id, code_hash, now)
            values = changed_values(change, row, now)
            if values.keys() & _ADDRESS_KEYS:
                void_within(connection, account_id)
            if end_tokens is not None:
                values["epoch"] = row.epoch + 1
            this = accounts.c.account_id == account_id
            with _unique_username() if change.verified is UNCHANGED else _unique_address():
                connection.execute(update(accounts).where(this).values(values))
            account = account_from(connection.execute(select(accounts).where(this)).one())
            if event is not None:
                report(event)
            if end_tokens is None:
                return account, None
            _forget_logins(connection, account_id, change)
            return account, _end_tokens(connection, account_id, account.epoch, end_tokens, now)

        return self._outbox.write(work)

    def delete(
        self, account_id: AccountId, *, now: datetime, event: Event, end_tokens: EndTokens
    ) -> Revocation:
        """Remove an account and end its tokens, atomically; see `AccountStore.delete`."""

        def work(connection: Connection, report: Report) -> Revocation:
            row = lock_account(connection, account_id)
            forget_guesses(connection, account_id)
            forget_devices(connection, account_id)
            connection.execute(delete(accounts).where(accounts.c.account_id == account_id))
            void_within(connection, account_id)
            report(event)
            return _end_tokens(connection, account_id, row.epoch + 1, end_tokens, now)

        return self._outbox.write(work)

    def list(self, *, after: AccountId | None, limit: int) -> Sequence[Account]:
        """Give the accounts made after the given one, in the order of their ids."""
        query = select(accounts).order_by(accounts.c.account_id).limit(limit)
        if after is not None:
            query = query.where(accounts.c.account_id > after)
        with read(self._engine) as connection:
            return [account_from(row) for row in connection.execute(query)]


def _has_look_alike(connection: Connection, username: str) -> bool:
    alike = looks_like(accounts.c.username_skeleton, username)
    return connection.execute(select(accounts.c.account_id).where(alike)).first() is not None


def lock_account(
    connection: Connection, account_id: AccountId, *, expected_epoch: int | None = None
) -> Row[Any]:
    """Give the row of an account, and hold up all who want to change it.

    Raises:
        AccountNotFound: No such account, or its epoch is not the expected one.

    """
    row = connection.execute(
        select(accounts).where(accounts.c.account_id == account_id).with_for_update()
    ).first()
    if row is None:
        message = "there is no such account"
        raise AccountNotFound(message)
    if expected_epoch is not None and row.epoch != expected_epoch:
        message = "the account's epoch is not the expected one"
        raise AccountNotFound(message)
    return row


def _forget_logins(connection: Connection, account_id: AccountId, change: AccountChange) -> None:
    """Forget the devices that logged in, and with a new password the wrong guesses at the old."""
    forget_devices(connection, account_id)
    forget_guesses(connection, account_id, DEVICE_GUESS)
    if change.password_hash is not UNCHANGED:
        forget_guesses(connection, account_id, PASSWORD_GUESS)


def raise_epoch_within(
    connection: Connection, row: Row[Any], end_tokens: EndTokens, *, now: datetime, **values: object
) -> tuple[Account, Revocation]:
    """End the tokens of a locked account as part of a transaction, and set columns of it."""
    this = accounts.c.account_id == row.account_id
    epoch = row.epoch + 1
    connection.execute(update(accounts).where(this).values(epoch=epoch, update_time=now, **values))
    account = account_from(connection.execute(select(accounts).where(this)).one())
    return account, _end_tokens(connection, account.account_id, epoch, end_tokens, now)


def _end_tokens(
    connection: Connection,
    account_id: AccountId,
    epoch: int,
    end_tokens: EndTokens,
    now: datetime,
) -> Revocation:
    (revocation,) = append_within(
        connection,
        RevocationKind.ACCOUNT,
        [account_id],
        epoch=epoch,
        reason=end_tokens.reason,
        now=now,
        remember_until=end_tokens.remember_until,
    )
    return revocation


@contextmanager
def _unique_username() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        # Every engine names the constraint or its column.
        if any(column in str(error.orig) for column in ("username_key", "username_skeleton")):
            message = "another account has this user name or one that looks like it"
            raise UsernameTaken(message) from None
        raise


@contextmanager
def _unique_address() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        # A change that marks an address as verified names no other value that must be unique.
        message = "another account has verified the address"
        raise InvalidCode(message) from None
