"""A change in SQL and its event are there both or neither, on every database (P-OBS-1)."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from authsvc.domain.accounts import Account, AccountChange, EndTokens
from authsvc.domain.event_reading import EventReader
from authsvc.domain.events import Event
from authsvc.domain.identifiers import new_account_id
from authsvc.errors import AuthError, StoreUnavailable
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import accounts, events_head, metadata
from authsvc.stores.sql.transactions import write
from authsvc.verify.revocations import RevocationKind
from tests.servers.sql import Server
from tests.stores.acts import Stage, event
from tests.stores.outbox import CHAIN, outbox
from tests.stores.races import at_once

_TRIGGER = "CREATE TRIGGER refuse BEFORE INSERT ON events"
_FUNCTION = """CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''refused''; END'"""
_REFUSALS = {
    "sqlite": [f"{_TRIGGER} BEGIN SELECT RAISE(ABORT, ''); END"],
    "postgresql": [_FUNCTION, f"{_TRIGGER} FOR EACH ROW EXECUTE FUNCTION refuse()"],
    "mysql": [f"{_TRIGGER} FOR EACH ROW SIGNAL SQLSTATE '45000'"],
}
_AT_COMMIT = [
    _FUNCTION,
    """CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse()""",
]


@contextmanager
def _refusing_events(engine: Engine, statements: Sequence[str] = ()) -> Iterator[None]:
    """Let the database refuse every event."""
    dialect = engine.dialect.name
    _execute(engine, *(statements or _REFUSALS[dialect]))
    try:
        yield
    finally:
        on_table = " ON events" if dialect == "postgresql" else ""
        _execute(engine, f"DROP TRIGGER refuse{on_table}")


def _execute(engine: Engine, *statements: str) -> None:
    def work(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))

    write(engine, work)


def _content(engine: Engine) -> Mapping[str, Sequence[str]]:
    """Give all that is in the database."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in metadata.sorted_tables
        }


def _kept(engine: Engine) -> list[str]:
    return [kept.event.type for kept in SqlEventStore(engine, CHAIN).after(0, limit=1_000)]


@contextmanager
def _connected(url: str) -> Iterator[Engine]:
    # PostgreSQL looks for a deadlock after a second.
    engine = connect(url, statement_time=timedelta(seconds=20))
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(name="own_engine")
def _own_engine(server: Server) -> Iterator[Engine]:
    """One of a server that can do more than one thing at a time."""
    with _connected(server.url) as engine:
        yield engine


@pytest.fixture(name="told")
def _told() -> list[Event]:
    return []


@pytest.fixture(name="box")
def _box(engine: Engine, told: list[Event]) -> Outbox:
    return outbox(engine, told.append)


@pytest.fixture(name="stage")
def _stage(
    engine: Engine, box: Outbox, account: Account, now: datetime, end_tokens: EndTokens
) -> Stage:
    return Stage(engine, box, account, now, end_tokens)


def test_p_obs_1_no_act_changes_anything_whose_event_can_not_be_kept(
    engine: Engine, stage: Stage, told: list[Event]
) -> None:
    acts = list(stage.acts())
    told.clear()
    before = _content(engine)
    with _refusing_events(engine):
        for name, act in acts:
            with pytest.raises(StoreUnavailable):
                act()
            assert _content(engine) == before, name
    assert told == []


def test_p_obs_1_each_act_keeps_its_event_and_tells_of_it_once(
    engine: Engine, stage: Stage, told: list[Event]
) -> None:
    for name, act in list(stage.acts()):
        told.clear()
        before, kept = _content(engine), _kept(engine)
        act()
        after = _content(engine)
        changed = {table for table in before if before[table] != after[table]}
        assert changed > {"events", "events_head"}, name
        assert _kept(engine) == [*kept, name]
        assert [event.type for event in told] == [name]
    assert EventReader(SqlEventStore(engine, CHAIN)).audit(CHAIN, since=None)[1] is None


def test_p_obs_1_no_act_that_fails_leaves_an_event(
    engine: Engine, box: Outbox, told: list[Event]
) -> None:
    def work(_: Connection, report: Report) -> None:
        report(event("failed"))
        raise AuthError

    with pytest.raises(AuthError):
        box.write(work)
    assert (_kept(engine), told) == ([], [])


def test_what_changes_nothing_that_matters_waits_for_nobody(
    own_engine: Engine, account: Account, now: datetime
) -> None:
    """Without an event there is no need for the one lock of all events."""
    store = SqlAccountStore(own_engine, outbox(own_engine))
    account = replace(account, account_id=new_account_id(), username="Unreported", email=None)
    store.create(account, event=event("create"))
    with own_engine.connect() as other, other.begin():
        other.execute(select(events_head).with_for_update()).one()
        change = AccountChange(password_hash="new")
        store.change(account.account_id, change, now=now, event=None)


def test_p_obs_1_an_event_is_told_no_sooner_than_it_is_durable(
    postgres: Server, account: Account
) -> None:
    """A transaction may yet fail when it is committed."""
    account = replace(account, account_id=new_account_id(), username="Committed")
    told: list[Event] = []
    with _connected(postgres.url) as engine:
        store = SqlAccountStore(engine, outbox(engine, told.append))
        with _refusing_events(engine, _AT_COMMIT), pytest.raises(StoreUnavailable):
            store.create(account, event=event("create"))
        assert store.find(account.account_id) is None
    assert told == []


def test_p_obs_1_a_victim_of_a_deadlock_that_is_tried_again_has_one_event(
    own_engine: Engine, account: Account
) -> None:
    told: list[Event] = []
    box = outbox(own_engine, told.append)
    both = [
        replace(account, account_id=new_account_id(), username=f"Locked {n}", email=None)
        for n in range(2)
    ]
    names = [f"event {one.account_id}" for one in both]
    for one in both:
        SqlAccountStore(own_engine, box).create(one, event=event("stage"))
    told.clear()
    tries: list[str] = []
    meet = threading.Barrier(2)

    def work(connection: Connection, report: Report, name: str, order: Sequence[Account]) -> None:
        tries.append(name)
        for one in order:
            this = accounts.c.account_id == one.account_id
            report(event(name, one.account_id))
            connection.execute(update(accounts).where(this).values(epoch=accounts.c.epoch + 1))
            if len(tries) <= 2 and one is order[0]:
                meet.wait(10)

    orders = dict(zip(names, (both, both[::-1]), strict=True))
    outcomes = at_once(
        [
            partial(box.write, partial(work, name=name, order=order))
            for name, order in orders.items()
        ]
    )
    assert outcomes == [None, None]
    assert len(tries) > 2  # one was a victim
    assert sorted(event.type for event in told) == sorted(names * 2)
    kept = [kept for kept in _kept(own_engine) if kept in names]
    assert sorted(kept) == sorted(names * 2)


def test_acts_of_all_kinds_at_once_do_not_wait_for_each_other_in_a_ring(
    engine: Engine, account: Account, now: datetime, end_tokens: EndTokens
) -> None:
    box = outbox(engine)
    store, journal = SqlAccountStore(engine, box), SqlRevocationJournal(engine, box)
    event_store = SqlEventStore(engine, CHAIN)
    mine = replace(account, email=None)
    all_ = [replace(mine, account_id=new_account_id(), username=f"User {n}") for n in range(4)]
    for one in all_:
        store.create(one, event=event("stage"))

    def change(one: Account) -> None:
        for _ in range(5):
            store.change(
                one.account_id,
                AccountChange(),
                now=now,
                event=event("changed"),
                end_tokens=end_tokens,
            )

    def revoke(name: str) -> None:
        for _ in range(5):
            journal.append(
                RevocationKind.TOKEN,
                [name],
                reason="",
                now=now,
                remember_until=now,
                events=[event("revoked"), event("told")],
            )

    def record() -> None:
        for _ in range(5):
            event_store.append([event("recorded")], now=now)

    calls = [*(partial(change, one) for one in all_), *(partial(revoke, n) for n in "ab")]
    purge = partial(event_store.purge, older_than=now - timedelta(days=1))
    outcomes = at_once([*calls, record, record, purge])
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    kinds = _kept(engine)
    assert {kind: kinds.count(kind) for kind in ("changed", "revoked", "told", "recorded")} == {
        "changed": 20,
        "revoked": 10,
        "told": 10,
        "recorded": 10,
    }
    assert EventReader(event_store).audit(CHAIN, since=None)[1] is None
