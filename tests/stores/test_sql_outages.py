"""What fails becomes StoreUnavailable in time, nothing acknowledged is lost, and it heals."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from authsvc.errors import StoreUnavailable
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal, append_within, lock_head
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.transactions import ping, write
from authsvc.verify.revocations import RevocationKind
from tests.servers.sql import Server
from tests.stores.outbox import outbox

_LIMIT_SECONDS = 5.0

_WRITER = """
import ctypes, os, signal, sys
from datetime import UTC, datetime, timedelta
from authsvc.verify.revocations import RevocationKind
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal
from tests.stores.outbox import outbox
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
engine = connect(sys.argv[1])
journal = SqlRevocationJournal(engine, outbox(engine))
now = datetime.now(UTC)
while True:
    subject = os.urandom(8).hex()
    journal.append(RevocationKind.TOKEN, [subject], reason="", now=now,
                   remember_until=now + timedelta(days=1), events=[])
    print(subject, flush=True)
"""


@contextmanager
def _unavailable() -> Iterator[pytest.ExceptionInfo[StoreUnavailable]]:
    start = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        yield caught
    assert time.monotonic() - start < _LIMIT_SECONDS
    assert caught.value.retry_after == timedelta(seconds=1)
    assert str(caught.value).startswith("sql: ")


def _append(engine: Engine, now: datetime) -> None:
    journal = SqlRevocationJournal(engine, outbox(engine))
    journal.append(RevocationKind.TOKEN, ["jti"], reason="", now=now, remember_until=now, events=[])


# PyMySQL leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_p_flt_1_a_server_that_stands_still_is_unavailable_in_time_and_heals(
    server: Server, now: datetime
) -> None:
    engine = connect(server.url)
    ping(engine)

    server.stand_still()
    try:
        with _unavailable():
            ping(engine)
        with _unavailable():
            _append(engine, now)
    finally:
        server.go_on()

    _append(engine, now)
    ping(engine)
    engine.dispose()


def test_p_flt_1_a_lock_is_not_awaited_for_ever(engine: Engine, url: str, now: datetime) -> None:
    other = connect(url)

    def hold_the_lock(connection: Connection) -> None:
        lock_head(connection)
        with _unavailable():
            _append(other, now)

    write(engine, hold_the_lock)

    _append(other, now)
    other.dispose()


def test_an_exhausted_pool_is_unavailable(engine: Engine) -> None:
    connections = [engine.connect() for _ in range(10)]
    try:
        with _unavailable():
            ping(engine)
    finally:
        for connection in connections:
            connection.close()

    ping(engine)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/authsvc.db",
        "postgresql://u:pa55word@127.0.0.1:1/db",
        "mysql://u:pa55word@127.0.0.1:1/db",
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_is_not_there_is_unavailable_and_no_password_is_told(url: str) -> None:
    engine = connect(url)

    with _unavailable() as caught:
        ping(engine)

    engine.dispose()
    assert "pa55word" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("url", ["oracle://h/d", "sqlite://", "sqlite:///relative.db", "pa55word"])
def test_a_url_that_is_not_understood_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|supported") as caught:
        connect(url)

    assert "pa55word" not in str(caught.value)


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "authsvc.db"
    engine = connect(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


def test_a_full_disk_is_unavailable_and_leaves_nothing_half(file: Path, now: datetime) -> None:
    engine = connect(f"sqlite:///{file}")
    journal = SqlRevocationJournal(engine, outbox(engine))

    def append_too_much(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        append_within(
            connection,
            RevocationKind.TOKEN,
            ["x" * 200] * 5000,
            reason="",
            now=now,
            remember_until=now,
        )

    with _unavailable() as caught:
        write(engine, append_too_much)

    assert "SQLITE_FULL" in str(caught.value)
    assert journal.head() == 0
    assert list(journal.live(now)) == []
    engine.dispose()


def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "authsvc.db"
    path.write_bytes(b"not a database at all" * 500)
    engine = connect(f"sqlite:///{path}")

    with _unavailable():
        ping(engine)

    engine.dispose()


def test_p_dur_1_what_was_acknowledged_survives_kills_of_the_writer(file: Path) -> None:
    acknowledged: set[str] = set()
    for _ in range(5):
        command = [sys.executable, "-c", _WRITER, f"sqlite:///{file}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20):
                acknowledged.add(writer.stdout.readline().strip())
            writer.send_signal(signal.SIGKILL)
            acknowledged.update(line.strip() for line in writer.stdout if line.endswith("\n"))

    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT revision, subject FROM revocations ORDER BY 1").fetchall()
        (head,) = connection.execute("SELECT revision FROM journal_head").fetchone()

    assert len(acknowledged) >= 100
    assert acknowledged <= {subject for _, subject in rows}
    assert [revision for revision, _ in rows] == list(range(1, head + 1))
