"""The tables. Whoever changes one adds a migration; a test compares the two.

Three choices hold for every engine. Times are microseconds since 1970 in a BIGINT: exact
everywhere, where MySQL rounds, SQLite has no such type and both forget the zone. What is looked up
by its content (user names, addresses) is compared as bytes, whatever the database's collation, case
rules and padding are. Lists are JSON in text, because nobody searches in them.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
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


def _exact_bytes(length: int) -> TypeEngine[bytes]:
    """Bytes that can be indexed, which MySQL's BLOB can't."""
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def _identifier(length: int) -> TypeEngine[str]:
    """Text that is compared and sorted by its code points (in MySQL by the tables' collation)."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _of_account(*, primary_key: bool = False) -> Column[str]:
    """The account that a row belongs to, and is deleted with."""
    return Column(
        "account_id",
        _identifier(36),
        ForeignKey("accounts.account_id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


_MYSQL: dict[str, Any] = {
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

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", _identifier(36), primary_key=True),
    Column("username", String(255), nullable=False),
    Column("username_key", _exact_bytes(255), nullable=False),
    Column("email", String(255)),
    Column("email_key", _exact_bytes(1024)),
    Column("email_verified", Boolean, nullable=False),
    # When the account named its address; it decides between accounts that name the same.
    Column("email_time", Moment),
    Column("roles", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("password_hash", Text),
    Column("create_time", Moment, nullable=False),
    Column("update_time", Moment, nullable=False),
    Column("password_change_time", Moment),
    # What the user name looks like. An account that its owner registered claims it, so that no
    # other can; behind the ones that administrators named stand NUL and the account's id.
    Column("username_skeleton", _exact_bytes(255)),
    # Whether there are rows in factors: read with the account, changed with its epoch.
    Column("has_second_factor", Boolean, nullable=False, server_default=false()),
    # The key of the address if it is verified: an address is verified by one account.
    Column("verified_email_key", _exact_bytes(1024)),
    Column("phone_number", String(16)),
    # The number if it is verified, likewise.
    Column("verified_phone_number", _identifier(16)),
    # Of a foreign password hash: its kind, until the account has one of ours.
    Column("hash_family", _identifier(64)),
    Column("hash_work", BigInteger),
    # What the row was that the account was imported from, under a key: it tells nothing else.
    Column("import_digest", _exact_bytes(32)),
    UniqueConstraint("username_key"),
    Index(None, "email_key"),
    Index(None, "hash_family", "hash_work"),
    # Indices, because SQLite can not add a constraint to a table; nor a column that is not null.
    Index(None, "username_skeleton", unique=True),
    Index(None, "verified_email_key", unique=True),
    Index(None, "verified_phone_number", unique=True),
    Index(None, "import_digest", unique=True),
    **_MYSQL,
)

hash_kinds = Table(
    "hash_kinds",
    metadata,
    Column("family", _identifier(64), primary_key=True),
    Column("work", BigInteger, nullable=False),
    Column("announce_time", Moment, nullable=False),
    **_MYSQL,
)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    # One for each purpose and address or account; keyed hashes, as are all the bytes here.
    Column("holder", _exact_bytes(32), primary_key=True),
    Column("code_hash", _exact_bytes(32), nullable=False),
    Column("is_guessable", Boolean, nullable=False),
    # Of a decoy one that no account has, so that there is no foreign key.
    Column("account_id", _identifier(36), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("address", _exact_bytes(32), nullable=False),
    Column("expire_time", Moment, nullable=False),
    Column("wrong_guesses", SmallInteger, nullable=False),
    # When the count of wrong guesses ends; None before the first.
    Column("guesses_end_time", Moment),
    Index(None, "code_hash"),
    Index(None, "account_id"),
    Index(None, "expire_time"),
    **_MYSQL,
)

journal_head = Table(
    "journal_head",
    metadata,
    # Always 1: the table has one row, which the first migration makes.
    Column("head_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    **_MYSQL,
)

revocations = Table(
    "revocations",
    metadata,
    # Taken from journal_head, never from a sequence: see journal.py.
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("subject", _identifier(255), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("remember_until", Moment, nullable=False),
    Index(None, "remember_until"),
    **_MYSQL,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("key_id", _identifier(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("public_jwk", Json, nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("activate_time", Moment, nullable=False),
    Column("revoke_time", Moment),
    **_MYSQL,
)

settings = Table(
    "settings",
    metadata,
    Column("name", _identifier(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    **_MYSQL,
)

service_accounts = Table(
    "service_accounts",
    metadata,
    Column("name", _identifier(63), primary_key=True),
    Column("service_account_id", _identifier(36), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("methods", Json, nullable=False),
    Column("audiences", Json, nullable=False),
    Column("public_keys", Json, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("update_time", Moment, nullable=False),
    Index(None, "service_account_id", unique=True),
    **_MYSQL,
)

certificate_names = Table(
    "certificate_names",
    metadata,
    # As bytes: a SPIFFE URI has up to 2,048, which MySQL can't index as text.
    Column("name", _exact_bytes(2048), primary_key=True),
    Column(
        "service_account",
        _identifier(63),
        ForeignKey("service_accounts.name", ondelete="CASCADE"),
        nullable=False,
    ),
    Index(None, "service_account"),
    **_MYSQL,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", _identifier(64), primary_key=True),
    Column(
        "service_account",
        _identifier(63),
        ForeignKey("service_accounts.name", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("session_id", _identifier(22), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("secret_hash", _exact_bytes(32), nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("expire_time", Moment),
    Column("revoke_time", Moment),
    Column("last_use_time", Moment),
    UniqueConstraint("secret_hash"),
    Index(None, "service_account"),
    **_MYSQL,
)

# Wrong guesses in a row, by the name under which they were made and what that led to.
guesses = Table(
    "guesses",
    metadata,
    Column("name", _exact_bytes(32), primary_key=True),
    Column("subject", _identifier(36), primary_key=True),
    Column("kind", _identifier(40), nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("last_time", Moment, nullable=False),
    Column("forget_time", Moment, nullable=False),
    Index(None, "subject"),
    Index(None, "forget_time"),
    **_MYSQL,
)

devices = Table(
    "devices",
    metadata,
    Column("pseudonym", _exact_bytes(32), primary_key=True),
    Column("account_id", _identifier(36), nullable=False),
    Column("last_use_time", Moment, nullable=False),
    Index(None, "account_id"),
    Index(None, "last_use_time"),
    **_MYSQL,
)

factors = Table(
    "factors",
    metadata,
    Column("factor_id", _identifier(36), primary_key=True),
    _of_account(),
    Column("type", String(16), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("last_use_time", Moment),
    Index(None, "account_id"),
    **_MYSQL,
)

totp_secrets = Table(
    "totp_secrets",
    metadata,
    Column(
        "factor_id",
        _identifier(36),
        ForeignKey("factors.factor_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("sealed_seed", LargeBinary, nullable=False),
    # The latest step whose code was used; it only goes forward.
    Column("last_step", BigInteger, nullable=False),
    **_MYSQL,
)

totp_enrolments = Table(
    "totp_enrolments",
    metadata,
    # One for an account.
    _of_account(primary_key=True),
    Column("factor_id", _identifier(36), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("sealed_seed", LargeBinary, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expire_time", Moment, nullable=False),
    **_MYSQL,
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    _of_account(primary_key=True),
    Column("code_hash", _exact_bytes(32), primary_key=True),
    **_MYSQL,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column(
        "factor_id",
        _identifier(36),
        ForeignKey("factors.factor_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("credential_id", _exact_bytes(1023), nullable=False),
    Column("user_handle", _exact_bytes(64), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    # It only goes forward, or stays 0.
    Column("sign_count", BigInteger, nullable=False),
    Column("aaguid", _exact_bytes(16), nullable=False),
    Column("transports", Json, nullable=False),
    Column("backup_eligible", Boolean, nullable=False),
    Column("backed_up", Boolean, nullable=False),
    UniqueConstraint("credential_id"),
    **_MYSQL,
)

events_head = Table(
    "events_head",
    metadata,
    # Always 1, as in journal_head.
    Column("head_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("link", _exact_bytes(32), nullable=False),
    # The last event that was forgotten.
    Column("base_sequence", BigInteger, nullable=False),
    Column("base_link", _exact_bytes(32), nullable=False),
    **_MYSQL,
)

events = Table(
    "events",
    metadata,
    # Taken from events_head, never from a sequence: see events.py.
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", _identifier(36), nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("type", _identifier(64), nullable=False),
    Column("actor", _identifier(255), nullable=False),
    Column("peer", _identifier(255), nullable=False),
    Column("subject", _identifier(255), nullable=False),
    Column("session_id", _identifier(64), nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("correlation_id", _identifier(128), nullable=False),
    Column("link", _exact_bytes(32), nullable=False),
    Index(None, "create_time"),
    Index(None, "subject"),
    **_MYSQL,
)
