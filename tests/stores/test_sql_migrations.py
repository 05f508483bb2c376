"""The migrations make the schema that the stores expect, on every database."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from authsvc.domain.accounts import Account
from authsvc.domain.identifiers import account_partition, decode_id, new_account_id
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.migrate import HEAD, is_current, upgrade
from authsvc.stores.sql.schema import metadata
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.stores.sql.transactions import ping
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once


@pytest.fixture(name="config")
def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "authsvc.stores.sql:migrations")
    return config


def test_the_head_constant_is_alembics_head(config: Config) -> None:
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_migrations_make_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_p_dur_3_a_downgrade_and_an_upgrade_give_the_schema_again(
    engine: Engine, config: Config
) -> None:
    assert is_current(engine)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert not is_current(engine)

    upgrade(engine)

    assert is_current(engine)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *metadata.tables}


def test_p_pw_3_accounts_that_were_there_before_get_their_looks(
    engine: Engine, config: Config, account: Account
) -> None:
    store, names = SqlAccountStore(engine, outbox(engine)), ("Modern", "modem", "0ther")
    for name in names:
        store.create(replace(account, account_id=new_account_id(), username=name), event=EVENT)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")

    upgrade(engine)

    assert [store.has_look_alike(name) for name in (*names, "rnodern", "other")] == [True] * 5
    assert not store.has_look_alike("another")


def test_p_dur_3_services_of_before_go_on_with_what_they_could(
    engine: Engine, config: Config
) -> None:
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    with engine.begin() as connection:
        for name in ("billing", "audit"):
            connection.execute(
                text("INSERT INTO service_accounts VALUES (:name, :scopes, :disabled, 1000000)"),
                {"name": name, "scopes": '["a"]', "disabled": False},
            )
            connection.execute(
                text("INSERT INTO api_keys VALUES (:key, :name, :hash, 1000000, NULL, NULL)"),
                {"key": f"key_{name}", "name": name, "hash": name.encode().ljust(32, b"-")},
            )

    upgrade(engine)

    store = SqlServiceAccountStore(engine, outbox(engine))
    accounts = store.list(after=None, limit=10)
    keys = [key for account in accounts for key in store.list_keys(account.name)]
    assert [account.name for account in accounts] == ["audit", "billing"]
    assert len({account.service_account_id for account in accounts}) == 2
    assert len({key.session_id for key in keys}) == 2
    for account, key in zip(accounts, keys, strict=True):
        assert (account.scopes, account.methods, account.audiences) == (("a",), ("*",), ("*",))
        assert (account.epoch, account.update_time) == (0, account.create_time)
        assert (key.scopes, key.display_name, key.last_use_time) == (("*",), "", None)
        partition = account_partition(account.service_account_id)
        assert decode_id(key.session_id)[0] == partition


def test_of_several_processes_one_migrates_and_the_others_wait(tmp_path: Path) -> None:
    engines = [connect(f"sqlite:///{tmp_path}/authsvc.db") for _ in range(4)]

    outcomes = at_once([partial(upgrade, engine) for engine in engines])

    assert outcomes == [None] * 4
    assert is_current(engines[0])
    for engine in engines:
        engine.dispose()


def test_whoever_opens_a_new_database_waits_while_another_turns_it_to_wal(tmp_path: Path) -> None:
    """SQLite itself refuses at once: it lets nobody wait for this one statement."""
    engine = connect(f"sqlite:///{tmp_path}/a.db")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with ThreadPoolExecutor() as pool:
        opened = pool.submit(ping, engine)
        with pytest.raises(TimeoutError):
            opened.result(0.1)
        other.execute("ROLLBACK")
        assert opened.result(10) is None

    other.close()
    engine.dispose()


def test_whoever_migrates_sqlite_waits_longer_than_a_statement(tmp_path: Path) -> None:
    patient = connect(f"sqlite:///{tmp_path}/a.db", statement_time=timedelta(minutes=10))

    with patient.connect() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 600_000
    patient.dispose()


def test_a_look_at_the_version_does_without_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from authsvc.stores.sql import engine, migrate;"
        f"print(migrate.is_current(engine.connect('sqlite:///{tmp_path}/a.db')));"
        "print('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "False"]
