"""Brings the schema to the version that this program expects.

A program also works with the schema of a later one, as long as that says so: while an upgrade is
rolled out, or back, two versions share one database (P-DUR-3). A migration therefore only adds what
the statements of before can leave out; one that does more MUST say so in `schema_compatibility`.

Only `upgrade` imports Alembic, which takes most of a second; a start with a current schema does
without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum, auto

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from authsvc.errors import StoreUnavailable
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.schema import schema_compatibility
from authsvc.stores.sql.transactions import read, write

HEAD = "0013"
"""The latest revision in `migrations/`; a test compares the two."""

_MIGRATION_TIME = timedelta(minutes=10)
_SCRIPTS = "authsvc.stores.sql:migrations"
_LOCK = 0x61757468737663
_VERSIONS = table("alembic_version", column("version_num"))


class SchemaStanding(Enum):
    """How the schema of a database stands to this program."""

    BEHIND = auto()
    """It is not there, or must be brought up to date."""
    FITTING = auto()
    """It is the one of this program, or a later one that serves it."""
    AHEAD = auto()
    """It is one of a later program, and does not serve this one."""


def schema_standing(engine: Engine) -> SchemaStanding:
    """Say how the schema stands to this program.

    Raises:
        StoreUnavailable: The database does not answer.

    """
    with read(engine) as connection:
        return _standing(connection)


def upgrade(engine: Engine) -> None:
    """Bring a schema that is behind to the latest revision; any other is left as it is.

    Of several processes one does it, the others wait.

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
        if _standing(connection) is not SchemaStanding.BEHIND:
            return
        config = Config()
        config.set_main_option("script_location", _SCRIPTS)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _standing(connection: Connection) -> SchemaStanding:
    if not inspect(connection).has_table(_VERSIONS.name):
        return SchemaStanding.BEHIND
    version = connection.scalars(select(_VERSIONS.c.version_num)).one_or_none()
    if version == HEAD:
        return SchemaStanding.FITTING
    if version is None or version < HEAD:
        return SchemaStanding.BEHIND
    oldest = connection.scalars(select(schema_compatibility.c.oldest)).one_or_none()
    is_served = oldest is not None and oldest <= HEAD
    return SchemaStanding.FITTING if is_served else SchemaStanding.AHEAD


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
