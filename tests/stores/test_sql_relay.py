"""The contract of RelayStore, on every database: a cursor that no stale worker can move."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from authsvc.domain.event_relay import DeadLetter
from authsvc.domain.events import Event, EventChain, EventId
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.relay import SqlRelayStore
from tests.stores.races import at_once

CHAIN = EventChain(bytes(32))


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlRelayStore:
    return SqlRelayStore(engine)


def _letter(sequence: int, now: datetime, *, sink: str = "audit", reason: str = "x") -> DeadLetter:
    return DeadLetter(
        sink=sink,
        sequence=sequence,
        event_id=EventId(f"evt_{sequence}"),
        type="login",
        reason=reason,
        refuse_time=now,
    )


def test_a_new_sink_begins_with_the_oldest_event_that_is_kept(
    store: SqlRelayStore, engine: Engine, now: datetime
) -> None:
    assert store.cursor("audit") == 0
    events = SqlEventStore(engine, CHAIN)
    events.append([Event(type="login", actor="web", peer="")] * 3, now=now)
    events.purge(older_than=now + timedelta(days=1), up_to=2)

    assert store.cursor("siem") == 2
    assert store.cursor("audit") == 0


def test_workers_that_begin_at_once_begin_at_one_place(store: SqlRelayStore) -> None:
    assert at_once([partial(store.cursor, "audit")] * 8) == [0] * 8


def test_only_who_knows_where_the_cursor_is_moves_it(store: SqlRelayStore, now: datetime) -> None:
    store.cursor("audit")
    assert store.advance("audit", expected=0, to=5, dead=[])

    assert not store.advance("audit", expected=0, to=9, dead=[_letter(7, now)])

    assert store.cursor("audit") == 5
    assert store.dead_letters("audit", after=0, limit=9) == []
    assert store.advance("audit", expected=5, to=5, dead=[_letter(7, now)])
    assert store.count_dead("audit") == 1


def test_of_workers_that_move_it_at_once_one_does(store: SqlRelayStore) -> None:
    store.cursor("audit")
    moves = [partial(store.advance, "audit", expected=0, to=n, dead=[]) for n in range(1, 9)]
    assert sorted(at_once(moves)) == [False] * 7 + [True]


def test_a_letter_that_is_refused_again_is_counted_again(
    store: SqlRelayStore, now: datetime
) -> None:
    store.bury([_letter(3, now), _letter(1, now)])
    store.bury([_letter(3, now + timedelta(hours=1), reason="y"), _letter(3, now, sink="siem")])

    first, again = store.dead_letters("audit", after=0, limit=9)
    assert (first.sequence, first.refusals) == (1, 1)
    assert (again.sequence, again.refusals, again.reason) == (3, 2, "y")
    assert again.refuse_time == now + timedelta(hours=1)
    assert store.dead_letters("audit", after=1, limit=9) == [again]
    assert store.dead_letters("audit", after=0, limit=1) == [first]


def test_letters_go_when_they_were_taken_or_their_events_are_forgotten(
    store: SqlRelayStore, now: datetime
) -> None:
    store.bury([_letter(n, now) for n in range(1, 6)] + [_letter(5, now, sink="siem")])

    store.forget("audit", [5])
    store.purge(up_to=2)

    assert [each.sequence for each in store.dead_letters("audit", after=0, limit=9)] == [3, 4]
    assert store.count_dead("siem") == 1
