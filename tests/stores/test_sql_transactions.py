"""What a transaction sees, on the one engine whose driver begins none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.transactions import read, write


@pytest.fixture(name="sqlite")
def _sqlite(tmp_path: Path) -> Iterator[Engine]:
    with _engine(tmp_path) as engine:
        write(engine, lambda connection: connection.execute(text("CREATE TABLE things (n INT)")))
        yield engine


@contextmanager
def _engine(directory: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{directory}/things.db")
    yield engine
    engine.dispose()


def _insert(connection: Connection) -> None:
    connection.execute(text("INSERT INTO things VALUES (1)"))


def _count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM things")).scalar_one())


def test_all_that_one_transaction_reads_is_of_one_moment(sqlite: Engine, tmp_path: Path) -> None:
    with read(sqlite) as connection, _engine(tmp_path) as other:
        before = _count(connection)
        write(other, _insert)
        assert _count(connection) == before == 0
    with read(sqlite) as connection:
        assert _count(connection) == 1


def test_what_raises_within_a_transaction_leaves_nothing(sqlite: Engine) -> None:
    def insert_and_fail(connection: Connection) -> None:
        _insert(connection)
        raise LookupError

    with pytest.raises(LookupError):
        write(sqlite, insert_and_fail)
    with read(sqlite) as connection:
        assert _count(connection) == 0
