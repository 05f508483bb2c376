"""The contract of EventStore, on every database: one order, no gaps, and nothing changed unseen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from authsvc.domain.event_reading import EventReader
from authsvc.domain.events import Event, EventChain, EventFilter, EventMark, EventType
from authsvc.errors import EventsForgotten
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.schema import events, events_head
from authsvc.stores.sql.transactions import write
from tests.stores.races import at_once

CHAIN = EventChain(bytes(range(32)))


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlEventStore:
    return SqlEventStore(engine, CHAIN)


def _event(subject: str = "acc_1", **fields: Any) -> Event:
    given = {"type": EventType.LOGIN, "actor": "dev", "peer": "127.0.0.1", "subject": subject}
    return Event(**{**given, **fields})


def _subjects(store: SqlEventStore, after: int = 0) -> Sequence[str]:
    return [kept.event.subject for kept in store.after(after, limit=1000)]


def _first_wrong(store: SqlEventStore, since: EventMark | None = None) -> int | None:
    return EventReader(store).audit(CHAIN, since=since)[1]


def test_events_come_back_as_they_were_in_their_order(store: SqlEventStore, now: datetime) -> None:
    first = _event(
        "acc_a",
        session_id="sid",
        succeeded=False,
        reason="wrong password 👋",
        correlation_id="abc",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    store.append([first, _event("acc_b")], now=now)
    store.append([], now=now)
    store.append([_event("acc_c")], now=now + timedelta(seconds=1))

    kept = store.after(0, limit=10)
    assert [each.sequence for each in kept] == [1, 2, 3]
    assert kept[0].event == first
    assert (kept[0].create_time, kept[2].create_time) == (now, now + timedelta(seconds=1))
    assert len({each.event_id for each in kept}) == 3
    assert _subjects(store, after=1) == ["acc_b", "acc_c"]
    assert store.ends()[1] == EventMark(3, kept[2].link)


def test_the_latest_come_first_and_only_those_that_are_wanted(
    store: SqlEventStore, now: datetime
) -> None:
    store.append(
        [_event(f"acc_{number % 2}", actor=f"svc{number}") for number in range(6)], now=now
    )
    store.append([_event("acc_1", type=EventType.ACCOUNT_DISABLED)], now=now)

    def found(before: int | None = None, limit: int = 10, **wanted: Any) -> list[int]:
        return [
            kept.sequence
            for kept in store.latest(EventFilter(**wanted), before=before, limit=limit)
        ]

    assert found() == [7, 6, 5, 4, 3, 2, 1]
    assert found(limit=2) == [7, 6]
    assert found(before=3) == [2, 1]
    assert found(subject="acc_1", types=frozenset({EventType.LOGIN})) == [6, 4, 2]
    assert found(actor="svc3", subject="acc_1") == [4]
    assert found(session_id="none") == []


def test_no_event_is_left_out_or_twice_however_many_write_at_once(
    store: SqlEventStore, now: datetime
) -> None:
    at_once([partial(store.append, [_event(f"acc_{n}")] * 2, now=now) for n in range(20)])

    kept = store.after(0, limit=100)
    assert [each.sequence for each in kept] == list(range(1, 41))
    assert _first_wrong(store) is None


def test_what_is_forgotten_leaves_no_gap_behind_it(store: SqlEventStore, now: datetime) -> None:
    """A clock that was set back must not make a hole in the middle."""
    for subject, minutes in (("a", 0), ("b", 10), ("c", 1), ("d", 20)):
        store.append([_event(subject)], now=now + timedelta(minutes=minutes))

    assert store.purge(older_than=now + timedelta(minutes=5)) == 1
    assert _subjects(store) == ["b", "c", "d"]
    assert store.purge(older_than=now + timedelta(minutes=15)) == 2
    assert _subjects(store) == ["d"]
    assert _first_wrong(store) is None
    with pytest.raises(EventsForgotten):
        EventReader(store).place(2)
    assert EventReader(store).place(3) == 3

    assert store.purge(older_than=now + timedelta(days=1)) == 1
    store.append([_event("e")], now=now)
    assert [kept.sequence for kept in store.after(0, limit=9)] == [5]
    assert _first_wrong(store) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": "acc_9"},
        {"actor": "nobody"},
        {"succeeded": False},
        {"reason": "x"},
        {"peer": "x"},
        {"session_id": "x"},
        {"correlation_id": "x"},
        {"traceparent": "x"},
        {"type": "x"},
        {"event_id": "evt_x"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_event_that_was_changed_is_found(
    store: SqlEventStore, engine: Engine, now: datetime, changed: dict[str, Any]
) -> None:
    store.append([_event(str(number)) for number in range(5)], now=now)
    write(engine, lambda c: c.execute(update(events).where(events.c.sequence == 3).values(changed)))
    assert _first_wrong(store) == 3


def test_a_trace_that_was_taken_from_an_event_is_found(
    store: SqlEventStore, engine: Engine, now: datetime
) -> None:
    """Events without one have the links that they had before there were any (P-DUR-3)."""
    store.append([_event("1"), _event("2", traceparent="00-a-b-01"), _event("3")], now=now)
    assert _first_wrong(store) is None
    write(engine, lambda c: c.execute(update(events).values(traceparent="")))
    assert _first_wrong(store) == 2


def test_an_event_that_was_removed_is_found(
    store: SqlEventStore, engine: Engine, now: datetime
) -> None:
    store.append([_event(str(number)) for number in range(5)], now=now)
    write(engine, lambda c: c.execute(delete(events).where(events.c.sequence == 3)))
    assert _first_wrong(store) == 3


def test_events_that_changed_places_are_found(
    store: SqlEventStore, engine: Engine, now: datetime
) -> None:
    store.append([_event(str(number)) for number in range(5)], now=now)
    for before, after in ((2, 9), (3, 2), (9, 3)):
        this = events.c.sequence == before
        write(engine, lambda c: c.execute(update(events).where(this).values(sequence=after)))  # noqa: B023
    assert _first_wrong(store) == 2


def test_an_end_that_was_cut_off_is_found_even_with_its_head_set_back(
    store: SqlEventStore, engine: Engine, now: datetime
) -> None:
    """Whoever sets back the head, too, is found by a mark that was noted elsewhere."""
    store.append([_event(str(number)) for number in range(5)], now=now)
    _, noted = store.ends()
    earlier = store.after(3, limit=1)[0]
    write(engine, lambda c: c.execute(delete(events).where(events.c.sequence > 4)))
    assert _first_wrong(store) == 5

    head = {"sequence": 4, "link": earlier.link}
    write(engine, lambda c: c.execute(update(events_head).values(head)))
    assert _first_wrong(store) is None
    with pytest.raises(EventsForgotten):
        _first_wrong(store, since=noted)

    store.append([_event("another")], now=now)
    store.append([_event("fifth")], now=now)
    assert _first_wrong(store, since=noted) == 6


def test_links_made_without_the_key_are_found(
    engine: Engine, store: SqlEventStore, now: datetime
) -> None:
    store.append([_event("1")], now=now)
    SqlEventStore(engine, EventChain(bytes(32))).append([_event("2")], now=now)
    assert _first_wrong(store) == 2


def test_an_event_of_a_later_version_is_read(store: SqlEventStore, now: datetime) -> None:
    """P-DUR-3: after a rollback there are types that this version does not know."""
    store.append([replace(_event(), type="future.act")], now=now)
    assert store.after(0, limit=1)[0].event.type == "future.act"
    assert _first_wrong(store) is None
