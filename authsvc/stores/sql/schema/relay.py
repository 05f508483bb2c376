"""How far events have been relayed, and what was refused."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from authsvc.stores.sql.schema.columns import MYSQL, Moment, identifier, metadata

relay_cursors = Table(
    "relay_cursors",
    metadata,
    Column("sink", identifier(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    **MYSQL,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("sink", identifier(32), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", identifier(36), nullable=False),
    Column("type", identifier(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("refuse_time", Moment, nullable=False),
    Column("refusals", Integer, nullable=False),
    **MYSQL,
)
