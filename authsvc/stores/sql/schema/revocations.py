"""The revocation journal."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger, String, Table, Text

from authsvc.stores.sql.schema.columns import MYSQL, Moment, identifier, metadata

journal_head = Table(
    "journal_head",
    metadata,
    # Always 1: the table has one row, which the first migration makes.
    Column("head_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    **MYSQL,
)

revocations = Table(
    "revocations",
    metadata,
    # Taken from journal_head, never from a sequence: see journal.py.
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("subject", identifier(255), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("remember_until", Moment, nullable=False),
    Index(None, "remember_until"),
    **MYSQL,
)
