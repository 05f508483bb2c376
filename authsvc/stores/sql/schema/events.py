"""Security events."""

from sqlalchemy import BigInteger, Boolean, Column, Index, SmallInteger, Table, Text

from authsvc.stores.sql.schema.columns import MYSQL, Moment, exact_bytes, identifier, metadata

events_head = Table(
    "events_head",
    metadata,
    # Always 1, as in journal_head.
    Column("head_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("link", exact_bytes(32), nullable=False),
    # The last event that was forgotten.
    Column("base_sequence", BigInteger, nullable=False),
    Column("base_link", exact_bytes(32), nullable=False),
    **MYSQL,
)

events = Table(
    "events",
    metadata,
    # Taken from events_head, never from a sequence: see events.py.
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", identifier(36), nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("type", identifier(64), nullable=False),
    Column("actor", identifier(255), nullable=False),
    Column("peer", identifier(255), nullable=False),
    Column("subject", identifier(255), nullable=False),
    Column("session_id", identifier(64), nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("correlation_id", identifier(128), nullable=False),
    Column("traceparent", identifier(55), nullable=False, server_default=""),
    Column("link", exact_bytes(32), nullable=False),
    Index(None, "create_time"),
    Index(None, "subject"),
    **MYSQL,
)
