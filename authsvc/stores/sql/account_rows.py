"""Accounts as rows: what stands in which column, and under which keys an account is found."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, and_

from authsvc.domain.accounts import UNCHANGED, Account, AccountChange, AccountState
from authsvc.domain.addresses import AddressKind
from authsvc.domain.identifiers import AccountId
from authsvc.domain.names import canonical, skeleton


def name_key(name: str) -> bytes:
    """Give what makes two user names, or two addresses, the same."""
    return canonical(name).encode()


def look(username: str) -> bytes:
    """Give what makes two user names look alike."""
    return skeleton(username).encode()


def looks_like(column: Column[bytes], username: str) -> ColumnElement[bool]:
    """Give the condition that a `username_skeleton` is that of a name, claimed or not."""
    return and_(column >= look(username), column < look(username) + b"\1")


def account_values(account: Account, *, claims_look: bool = False) -> dict[str, Any]:
    """Give the columns of a new account; it may claim that no other name looks like its own."""
    claim = {"username_skeleton": look(account.username)} if claims_look else {}
    return {
        "account_id": account.account_id,
        "email_verified": account.email_verified,
        "epoch": account.epoch,
        "create_time": account.create_time,
        "update_time": account.update_time,
        "password_hash": account.password_hash,
        "password_change_time": account.password_change_time,
        "roles": account.roles,
        "state": account.state.value,
        **_username_values(account.username, account.account_id),
        **claim,
        **_email_values(account.email, account.create_time),
        "verified_email_key": _key_if(account.email_verified, account.email),
        "phone_number": account.phone_number,
        "verified_phone_number": account.phone_number if account.phone_number_verified else None,
    }


def changed_values(change: AccountChange, row: Row[Any], now: datetime) -> dict[str, Any]:
    """Give the columns of an account that a change sets. Another address is not verified."""
    values: dict[str, Any] = {"update_time": now, **_changed_addresses(change, row, now)}
    if change.username is not UNCHANGED:
        values |= _username_values(change.username, row.account_id)
    if change.roles is not UNCHANGED:
        values["roles"] = change.roles
    if change.state is not UNCHANGED:
        values["state"] = change.state.value
    if change.password_hash is not UNCHANGED:
        # Whatever an account gets after it was imported is of our own kind.
        values |= {"password_hash": change.password_hash, "hash_family": None, "hash_work": None}
    if change.password_change_time is not UNCHANGED:
        values["password_change_time"] = change.password_change_time
    return values


def _changed_addresses(change: AccountChange, row: Row[Any], now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if change.email is not UNCHANGED:
        email = _email_values(change.email, now)
        if email["email_key"] == row.email_key:
            values["email"] = change.email
        else:
            values |= email | {"email_verified": False, "verified_email_key": None}
    if change.phone_number is not UNCHANGED and change.phone_number != row.phone_number:
        values |= {"phone_number": change.phone_number, "verified_phone_number": None}
    if change.verified is AddressKind.EMAIL:
        values |= {"email_verified": True, "verified_email_key": row.email_key}
    elif change.verified is AddressKind.PHONE_NUMBER:
        values["verified_phone_number"] = row.phone_number
    return values


def account_from(row: Row[Any]) -> Account:
    """Give the account of a row."""
    return Account(
        account_id=AccountId(row.account_id),
        username=row.username,
        email=row.email,
        email_verified=row.email_verified,
        roles=tuple(row.roles),
        state=AccountState(row.state),
        epoch=row.epoch,
        password_hash=row.password_hash,
        create_time=row.create_time,
        update_time=row.update_time,
        password_change_time=row.password_change_time,
        has_second_factor=row.has_second_factor,
        phone_number=row.phone_number,
        phone_number_verified=row.verified_phone_number is not None,
    )


def _username_values(username: str, account_id: str) -> dict[str, Any]:
    return {
        "username": username,
        "username_key": name_key(username),
        "username_skeleton": look(username) + b"\0" + account_id.encode(),
    }


def _key_if(verified: bool, email: str | None) -> bytes | None:  # noqa: FBT001 - a column's value
    return name_key(email) if verified and email is not None else None


def _email_values(email: str | None, now: datetime) -> dict[str, Any]:
    if email is None:
        return {"email": None, "email_key": None, "email_time": None}
    return {"email": email, "email_key": name_key(email), "email_time": now}
