"""Brings the schema to the version that this program expects.

Only `upgrade` imports Alembic, which takes most of a second; a start with a current schema does
without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from authsvc.errors import StoreUnavailable
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.transactions import read, write

HEAD = "0012"
"""The latest revision in `migrations/`; a test compares the two."""

_MIGRATION_TIME = timedelta(minutes=10)
_SCRIPTS = "authsvc.stores.sql:migrations"
_LOCK = 0x61757468737663
_VERSIONS = table("alembic_version", column("version_num"))


def is_current(engine: Engine) -> bool:
    """Say whether the schema is the one that this program expects.

    Raises:
        StoreUnavailable: The database does not answer.

    """
    with read(engine) as connection:
        return _is_current(connection)


def upgrade(engine: Engine) -> None:
    """Bring the schema to the latest revision. Of several processes one does it, the others wait.

    Raises:
        StoreUnavailable: The database does not answer, or refuses.

    """
    import alembic.command  # noqa: F401, PLC0415 - slow to import: before others have to wait for it

    patient = connect(engine.url, statement_time=_MIGRATION_TIME)
    try:
        write(patient, _upgrade)
    finally:
        patient.dispose()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import
    from alembic.config import Config  # noqa: PLC0415 - slow to import

    with _alone(connection):
        if _is_current(connection):
            return
        config = Config()
        config.set_main_option("script_location", _SCRIPTS)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table(_VERSIONS.name):
        return False
    return connection.scalars(select(_VERSIONS.c.version_num)).all() == [HEAD]


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other processes from migrating; on SQLite the transaction itself does."""
    match connection.dialect.name:
        case "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield
        case "mysql":
            # Held by the session, because each CREATE TABLE ends the transaction.
            lock = {"name": f"authsvc-{_LOCK}", "seconds": _MIGRATION_TIME.seconds}
            if connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), lock) != 1:
                detail = "sql: another process is migrating"
                raise StoreUnavailable(detail)
            try:
                yield
            finally:
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), lock)
        case _:
            yield
