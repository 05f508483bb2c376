"""What tables are made of: types that hold the same on every engine."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    Text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware time, exact to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Count the microseconds since 1970."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Give the moment, in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


_in_one_line = json.JSONEncoder(separators=(",", ":")).encode


class Json(TypeDecorator[Any]):
    """A list or an object of strings, as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str:
        """Write it in one line."""
        return _in_one_line(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:
        """Read it; no column that holds it is nullable."""
        return json.loads(value or "null")


def exact_bytes(length: int) -> TypeEngine[bytes]:
    """Bytes that can be indexed, which MySQL's BLOB can't."""
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def identifier(length: int) -> TypeEngine[str]:
    """Text that is compared and sorted by its code points (in MySQL by the tables' collation)."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def of_account(*, primary_key: bool = False) -> Column[str]:
    """The account that a row belongs to, and is deleted with."""
    return Column(
        "account_id",
        identifier(36),
        ForeignKey("accounts.account_id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)
