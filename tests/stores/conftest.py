"""A database of each kind for the stores' contract suites."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, delete, update

from authsvc.domain.accounts import Account, AccountState, EndTokens
from authsvc.domain.identifiers import new_account_id
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.schema import events_head, journal_head, metadata, schema_compatibility
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.transactions import write
from tests.servers.sql import Server, mariadb_server, postgres_server

NOW = datetime(2026, 11, 24, 12, 0, 0, 123457, tzinfo=UTC)


@pytest.fixture(scope="session", name="postgres")
def _postgres() -> Iterator[Server]:
    yield from _started(postgres_server)


@pytest.fixture(scope="session", name="mariadb")
def _mariadb() -> Iterator[Server]:
    yield from _started(mariadb_server)


def _started(start: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    with ExitStack() as stack:
        server = stack.enter_context(start())
        engine = connect(server.url)
        upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture(name="server", params=["postgres", "mariadb"])
def _server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(name="url", params=["sqlite", "postgres", "mariadb"])
def _url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a migrated database without rows."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/authsvc.db"
        engine = connect(url)
        upgrade(engine)
    else:
        url = request.getfixturevalue(request.param).url
        engine = connect(url)
        _empty(engine)
    engine.dispose()
    return url


def _empty(engine: Engine) -> None:
    def work(connection: Connection) -> None:
        for table in reversed(metadata.sorted_tables):
            if table not in (journal_head, events_head, schema_compatibility):
                connection.execute(delete(table))
        connection.execute(update(journal_head).values(revision=0))
        beginning = {"sequence": 0, "link": bytes(32), "base_sequence": 0, "base_link": bytes(32)}
        connection.execute(update(events_head).values(beginning))

    write(engine, work)


@pytest.fixture(name="engine")
def _engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture(name="sealer")
def _sealer() -> Sealer:
    return Sealer(bytes(range(32)))


@pytest.fixture(name="now")
def _now() -> datetime:
    return NOW


@pytest.fixture(name="account")
def _account(now: datetime) -> Account:
    return Account(
        account_id=new_account_id(),
        username="Alice",
        email="Alice@Example.com",
        email_verified=False,
        roles=("admin", "auditor"),
        state=AccountState.ACTIVE,
        epoch=3,
        password_hash="$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        create_time=now,
        update_time=now + timedelta(microseconds=1),
        password_change_time=now - timedelta(days=20000, microseconds=1),
    )


@pytest.fixture(name="end_tokens")
def _end_tokens(now: datetime) -> EndTokens:
    return EndTokens(reason="password changed", remember_until=now + timedelta(hours=1))
