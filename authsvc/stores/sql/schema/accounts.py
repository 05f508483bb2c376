"""Accounts of people, and the kinds of their imported hashes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from authsvc.stores.sql.schema.columns import MYSQL, Json, Moment, exact_bytes, identifier, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", identifier(36), primary_key=True),
    Column("username", String(255), nullable=False),
    Column("username_key", exact_bytes(255), nullable=False),
    Column("email", String(255)),
    Column("email_key", exact_bytes(1024)),
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
    Column("username_skeleton", exact_bytes(255)),
    # Whether there are rows in factors: read with the account, changed with its epoch.
    Column("has_second_factor", Boolean, nullable=False, server_default=false()),
    # The key of the address if it is verified: an address is verified by one account.
    Column("verified_email_key", exact_bytes(1024)),
    Column("phone_number", String(16)),
    # The number if it is verified, likewise.
    Column("verified_phone_number", identifier(16)),
    # Of a foreign password hash: its kind, until the account has one of ours.
    Column("hash_family", identifier(64)),
    Column("hash_work", BigInteger),
    # What the row was that the account was imported from, under a key: it tells nothing else.
    Column("import_digest", exact_bytes(32)),
    UniqueConstraint("username_key"),
    Index(None, "email_key"),
    Index(None, "hash_family", "hash_work"),
    # Indices, because SQLite can not add a constraint to a table; nor a column that is not null.
    Index(None, "username_skeleton", unique=True),
    Index(None, "verified_email_key", unique=True),
    Index(None, "verified_phone_number", unique=True),
    Index(None, "import_digest", unique=True),
    **MYSQL,
)

hash_kinds = Table(
    "hash_kinds",
    metadata,
    Column("family", identifier(64), primary_key=True),
    Column("work", BigInteger, nullable=False),
    Column("announce_time", Moment, nullable=False),
    **MYSQL,
)
