"""Accounts as rows: what stands in which column, and under which keys an account is found."""

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from authsvc.domain.accounts import UNCHANGED, Account, AccountChange, AccountState
from authsvc.domain.identifiers import AccountId


def username_key(username: str) -> bytes:
    """What makes two user names the same: their ASCII letters count without case."""
    return username.encode().lower()


def email_key(email: str) -> bytes:
    """What makes two e-mail addresses the same: case and composition do not count."""
    return unicodedata.normalize("NFC", email.lower()).encode()


def account_values(account: Account) -> dict[str, Any]:
    """Give the columns of a new account."""
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
        **_username_values(account.username),
        **_email_values(account.email, account.create_time),
    }


def changed_values(change: AccountChange, row: Row[Any], now: datetime) -> dict[str, Any]:
    """Give the columns of an account that a change sets. Another address is not verified."""
    values: dict[str, Any] = {"update_time": now}
    if change.username is not UNCHANGED:
        values |= _username_values(change.username)
    if change.email is not UNCHANGED:
        email = _email_values(change.email, now)
        if email["email_key"] == row.email_key:
            values["email"] = change.email
        else:
            values |= email | {"email_verified": False}
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
    )


def _username_values(username: str) -> dict[str, Any]:
    return {"username": username, "username_key": username_key(username)}


def _email_values(email: str | None, now: datetime) -> dict[str, Any]:
    if email is None:
        return {"email": None, "email_key": None, "email_time": None}
    return {"email": email, "email_key": email_key(email), "email_time": now}
