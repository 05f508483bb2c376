"""Connections: one place that knows the drivers. Whatever can wait here waits for a bounded time.

With the defaults a call has failed after 5 s at the latest: 2.25 s to find a pooled connection
dead, as long to be answered on a new one.
"""

import os
import sqlite3
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Transaction, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

CONNECT_SECONDS = 2
STATEMENT_TIME = timedelta(seconds=2)
SQLITE_LOCK_TIME = timedelta(seconds=3)
_TURN_SECONDS = 0.002

_POOL: dict[str, Any] = {
    "pool_size": 5,
    "max_overflow": 5,
    "pool_timeout": 2,
    "pool_pre_ping": True,
    # No parameter (a name, an address, a hash) gets into the text of an error.
    "hide_parameters": True,
}


def connect(url: str | URL, *, statement_time: timedelta = STATEMENT_TIME) -> Engine:
    """Give an engine for a database. Nothing is connected before it is used.

    `sqlite:////absolute/path.db`, `postgresql://…`, `mysql://…` and `mariadb://…` are understood.
    A statement that takes or waits longer than `statement_time` fails.

    Raises:
        ValueError: The URL is none of these. Its text is not repeated: it may hold a password.

    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        message = "the database URL can't be parsed"
        raise ValueError(message) from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, max(SQLITE_LOCK_TIME, statement_time))
        case "postgresql":
            return _postgresql(parsed.set(drivername="postgresql+psycopg"), statement_time)
        case "mysql" | "mariadb":
            return _mysql(parsed.set(drivername="mysql+pymysql"), statement_time)
        case other:
            message = f"{other} is no supported database: take sqlite, postgresql, mysql or mariadb"
            raise ValueError(message)


def begin(connection: Connection, *, writes: bool) -> Transaction:
    """Begin a transaction; it has to be said if it is going to write.

    It is no listener to SQLAlchemy's event, for with any of those a statement takes a fifth longer.
    """
    transaction = connection.begin()
    if connection.dialect.name == "sqlite":
        _begin_sqlite(connection, writes=writes)
    return transaction


def _begin_sqlite(connection: Connection, *, writes: bool) -> None:
    # A transaction that reads first and writes later could not wait for its turn: it would fail.
    if writes:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:  # nothing to wait for, so nothing to translate: past SQLAlchemy in a tenth of the time
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]


def _sqlite(url: URL, lock_time: timedelta) -> Engine:
    if not url.database or not Path(url.database).is_absolute():
        message = "the SQLite URL must name a file by its absolute path: sqlite:////path.db"
        raise ValueError(message)
    # Made here, so that nobody else may read it. An existing file is not even opened: closing it
    # would drop the locks that other engines of this process hold on it (sqlite.org/howtocorrupt).
    with suppress(OSError):
        os.close(os.open(url.database, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    options = _POOL | {"pool_pre_ping": False}  # a file does not hang up
    engine = create_engine(url, connect_args={"timeout": lock_time.total_seconds()}, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and not as `begin` does.
    connection.isolation_level = None
    _turn_to_wal(connection)
    # An acknowledged commit survives a loss of power; fullfsync is for macOS, whose fsync lies.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA foreign_keys = ON")


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Turn a new database to WAL; on one that has been turned this is nothing."""
    # Two that turn it at once could wait for each other for ever, so SQLite lets none of them wait.
    ends = time.monotonic() + SQLITE_LOCK_TIME.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
            time.sleep(_TURN_SECONDS)
        else:
            return


def _postgresql(url: URL, statement_time: timedelta) -> Engine:
    from authsvc.stores.sql.postgresql import ImpatientConnection  # noqa: PLC0415 - an extra

    milliseconds = statement_time // timedelta(milliseconds=1)
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "client_encoding": "utf8",
            "options": (
                f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
                f"-c idle_in_transaction_session_timeout={2 * milliseconds}"
            ),
            "tcp_user_timeout": milliseconds,
            "keepalives_idle": 10,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
        **_POOL,
    )

    def open_connection(_dialect: object, _record: object, args: Any, parameters: Any) -> object:
        connection = ImpatientConnection.connect(*args, **parameters)
        connection.answer_seconds = _answer_seconds(statement_time)
        return connection

    event.listen(engine, "do_connect", open_connection)
    return engine


def _mysql(url: URL, statement_time: timedelta) -> Engine:
    answer_seconds = _answer_seconds(statement_time)
    lock_seconds = max(1, int(statement_time.total_seconds()))
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": answer_seconds,
            "write_timeout": answer_seconds,
            "charset": "utf8mb4",
            "init_command": (
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
                f"innodb_lock_wait_timeout = {lock_seconds}, lock_wait_timeout = {lock_seconds}"
            ),
        },
        **_POOL,
    )


def _answer_seconds(statement_time: timedelta) -> float:
    """How long to wait for an answer: longer than the server takes to give a statement up."""
    return statement_time.total_seconds() + 0.25
