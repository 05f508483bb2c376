"""The account of a login, asked for so that the answer's time does not tell whether there is one.

The query gives one row in any case. Where there is no such account, what is never empty is filled
in, so that the row is as long to read.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    literal,
    select,
)

from authsvc.domain.accounts import Account, AccountState
from authsvc.domain.names import is_address
from authsvc.stores.sql.account_rows import account_from, name_key
from authsvc.stores.sql.schema import accounts

_NEVER = datetime.fromtimestamp(0, UTC)
_STAND_IN: dict[str, object] = {
    "account_id": "acc_" + 32 * "0",
    "username": "nobody",
    "email_verified": False,
    "roles": (),
    "state": AccountState.DISABLED.value,
    "epoch": 0,
    "create_time": _NEVER,
    "update_time": _NEVER,
    "has_second_factor": False,
}


def find_by_identifier(connection: Connection, identifier: str) -> Account | None:
    """Give the account of a user name or a verified address, or None."""
    query = _BY_ADDRESS if is_address(identifier) else _BY_USERNAME
    row = connection.execute(query, {"key": name_key(identifier)}).one()
    account = account_from(row)
    return account if row.is_there else None


def _query(condition: ColumnElement[bool]) -> Select[Any]:
    always = select(literal(1).label("one")).subquery()
    is_there = accounts.c.account_id.is_not(None).label("is_there")
    return select(is_there, *map(_filled_in, accounts.c)).select_from(
        always.outerjoin(accounts, condition)
    )


def _filled_in(column: Column[Any]) -> ColumnElement[Any]:
    if column.name not in _STAND_IN:
        return column
    stand_in = literal(_STAND_IN[column.name], type_=column.type)
    return func.coalesce(column, stand_in, type_=column.type).label(column.name)


# Built once: each login asks one of them, and to build it takes longer than to answer it.
_BY_USERNAME = _query(accounts.c.username_key == bindparam("key"))
_BY_ADDRESS = _query(
    (accounts.c.verified_email_key == bindparam("key")) & accounts.c.email_verified
)
