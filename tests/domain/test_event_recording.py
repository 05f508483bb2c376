"""An event is kept before its act is answered, and many at once are kept together."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from authsvc.domain.event_recording import EventRecorder
from authsvc.domain.events import Event, EventType
from authsvc.errors import StoreUnavailable

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Store:
    """Keeps events in memory, when it is let."""

    def __init__(self) -> None:
        self.kept: list[list[Event]] = []
        self.is_open = threading.Event()
        self.is_open.set()
        self.began = threading.Event()
        self.is_broken = False

    def append(self, events: Sequence[Event], *, now: datetime) -> None:
        """Keep events."""
        self.began.set()
        assert self.is_open.wait(30)
        if self.is_broken:
            raise StoreUnavailable("sql is down")
        assert now == NOW
        self.kept.append(list(events))


def _event(number: int = 0, kind: EventType = EventType.LOGIN) -> Event:
    return Event(type=kind, actor=f"acc_{number}", peer="127.0.0.1")


def test_p_obs_1_what_comes_while_another_is_written_is_kept_in_one_go() -> None:
    store, told = Store(), []
    record = EventRecorder(store=store, tell=told.append, clock=lambda: NOW)  # type: ignore[arg-type]
    store.is_open.clear()
    with ThreadPoolExecutor(21) as threads:
        first = threads.submit(record, _event(0))
        assert store.began.wait(30)
        others = [threads.submit(record, _event(number)) for number in range(1, 21)]
        while len(record._waiting) < 20:  # until all are there
            pass
        assert told == []
        store.is_open.set()
        for future in (first, *others):
            future.result(30)

    assert [len(batch) for batch in store.kept] == [1, 20]
    assert sorted(e.actor for batch in store.kept for e in batch) == sorted(e.actor for e in told)


def test_p_obs_1_no_act_is_answered_whose_event_was_not_kept() -> None:
    store, told = Store(), []
    record = EventRecorder(store=store, tell=told.append, clock=lambda: NOW)  # type: ignore[arg-type]
    store.is_open.clear()
    store.is_broken = True
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(record, _event(0))
        assert store.began.wait(30)
        others = [threads.submit(record, _event(number)) for number in range(1, 9)]
        while len(record._waiting) < 8:
            pass
        store.is_open.set()
        for future in (first, *others):
            with pytest.raises(StoreUnavailable):
                future.result(30)
    assert told == []

    store.is_broken = False
    record(_event(42))
    assert [e.actor for batch in store.kept for e in batch] == ["acc_42"]


def test_routine_is_told_and_not_kept() -> None:
    store, told = Store(), []
    record = EventRecorder(store=store, tell=told.append, clock=lambda: NOW)  # type: ignore[arg-type]
    record(_event(kind=EventType.SESSION_REFRESHED))
    assert store.kept == []
    assert [event.type for event in told] == [EventType.SESSION_REFRESHED]
