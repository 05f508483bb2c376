"""Forgetting rows that are due, a few at a time: no transaction holds up others for long."""

from sqlalchemy import Column, ColumnElement, Connection, Engine, delete, select

from authsvc.stores.sql.transactions import write

_BATCH = 500


def purge(engine: Engine, key: Column[bytes], due: ColumnElement[bool]) -> int:
    """Delete the rows of the key's table that are due; say how many it was."""
    purged = 0
    while batch := write(engine, lambda connection: _purge_batch(connection, key, due)):
        purged += batch
    return purged


def _purge_batch(connection: Connection, key: Column[bytes], due: ColumnElement[bool]) -> int:
    keys = connection.scalars(select(key).where(due).limit(_BATCH)).all()
    if not keys:
        return 0
    return connection.execute(delete(key.table).where(key.in_(keys), due)).rowcount
