"""The migrations make the schema that the stores expect, on every database."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
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
from authsvc.stores.sql.migrate import HEAD, SchemaStanding, schema_standing, upgrade
from authsvc.stores.sql.schema import metadata
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.stores.sql.transactions import ping
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

_FIRST_THAT_SAYS = "0013"
"""The first revision that says which programs it serves."""


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
    assert schema_standing(engine) is SchemaStanding.FITTING
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert schema_standing(engine) is SchemaStanding.BEHIND

    upgrade(engine)

    assert schema_standing(engine) is SchemaStanding.FITTING
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


@pytest.fixture(name="move_to")
def _move_to(engine: Engine) -> Iterator[Callable[[str, str], None]]:
    """Say whose the schema is, and whom it serves; afterwards it is ours again."""

    def move(version: str, oldest: str) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
            connection.execute(text("DELETE FROM schema_compatibility"))
            connection.execute(text("INSERT INTO schema_compatibility VALUES (:o)"), {"o": oldest})

    yield move
    move(HEAD, _FIRST_THAT_SAYS)


@pytest.mark.parametrize(
    ("version", "oldest", "standing"),
    [
        ("9999", HEAD, SchemaStanding.FITTING),
        ("9999", "0001", SchemaStanding.FITTING),
        ("9999", "9999", SchemaStanding.AHEAD),
        ("0012", "0012", SchemaStanding.BEHIND),
    ],
)
def test_p_dur_3_a_program_works_with_the_schema_of_a_later_one_that_serves_it(
    engine: Engine,
    move_to: Callable[[str, str], None],
    version: str,
    oldest: str,
    standing: SchemaStanding,
) -> None:
    move_to(version, oldest)

    assert schema_standing(engine) is standing


def test_p_dur_3_a_later_schema_that_does_not_say_whom_it_serves_serves_nobody_else(
    engine: Engine, move_to: Callable[[str, str], None]
) -> None:
    move_to("9999", HEAD)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM schema_compatibility"))

    assert schema_standing(engine) is SchemaStanding.AHEAD


@pytest.mark.parametrize("oldest", [HEAD, "9999"])
def test_p_dur_3_a_program_leaves_the_schema_of_a_later_one_alone(
    engine: Engine, move_to: Callable[[str, str], None], oldest: str
) -> None:
    move_to("9999", oldest)

    upgrade(engine)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


_Shape = dict[str, dict[str, tuple[str, bool]]]
"""Of every table the columns, each with its type and whether an INSERT can leave it out."""


def _shape(engine: Engine) -> _Shape:
    seen = inspect(engine)
    return {
        name: {
            column["name"]: (
                str(column["type"]),
                bool(column["nullable"]) or column["default"] is not None,
            )
            for column in seen.get_columns(name)
        }
        for name in seen.get_table_names()
    }


def _only_adds(before: _Shape, after: _Shape) -> bool:
    """Say whether all that was there is, and what is new can be left out."""
    return all(
        name in after
        and columns.items() <= after[name].items()
        and all(after[name][column][1] for column in after[name].keys() - columns.keys())
        for name, columns in before.items()
    )


_BEFORE: _Shape = {"t": {"a": ("INTEGER", False)}}


@pytest.mark.parametrize(
    ("after", "only_adds"),
    [
        ({"t": {"a": ("INTEGER", False), "b": ("TEXT", True)}, "u": {"c": ("TEXT", False)}}, True),
        ({"t": {"a": ("INTEGER", False), "b": ("TEXT", False)}}, False),
        ({"t": {"a": ("TEXT", False)}}, False),
        ({"t": {"b": ("INTEGER", True)}}, False),
        ({"u": {"a": ("INTEGER", False)}}, False),
    ],
)
def test_it_is_seen_whether_a_migration_only_adds(after: _Shape, only_adds: bool) -> None:
    assert _only_adds(_BEFORE, after) is only_adds


def test_p_dur_3_a_migration_only_adds_or_says_that_programs_of_before_are_not_served(
    engine: Engine, config: Config
) -> None:
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    saying = [script for script in scripts if script.revision >= _FIRST_THAT_SAYS]
    assert saying
    for script in saying:  # the latest first
        after = _shape(engine)
        with engine.begin() as connection:
            oldest = connection.scalar(text("SELECT oldest FROM schema_compatibility"))
            config.attributes["connection"] = connection
            command.downgrade(config, str(script.down_revision))
        assert _only_adds(_shape(engine), after) or oldest == script.revision, script.doc

    upgrade(engine)


def test_of_several_processes_one_migrates_and_the_others_wait(tmp_path: Path) -> None:
    engines = [connect(f"sqlite:///{tmp_path}/authsvc.db") for _ in range(4)]

    outcomes = at_once([partial(upgrade, engine) for engine in engines])

    assert outcomes == [None] * 4
    assert schema_standing(engines[0]) is SchemaStanding.FITTING
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
        f"print(migrate.schema_standing(engine.connect('sqlite:///{tmp_path}/a.db')));"
        "print('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["SchemaStanding.BEHIND", "False"]
