"""The contract of RevocationJournal, on every database."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, select

from authsvc.domain.revocation import Revocation
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.schema import revocations
from authsvc.stores.sql.transactions import read
from authsvc.verify.revocations import RevocationKind
from tests.stores.outbox import outbox
from tests.stores.races import at_once


@pytest.fixture(name="journal")
def _journal(engine: Engine) -> SqlRevocationJournal:
    return SqlRevocationJournal(engine, outbox(engine))


def _append(
    journal: SqlRevocationJournal, subjects: Sequence[str], now: datetime, *, hours: int = 1
) -> Sequence[Revocation]:
    return journal.append(
        RevocationKind.SESSION,
        subjects,
        reason="logged out 👋",
        now=now,
        remember_until=now + timedelta(hours=hours),
        events=[],
    )


def _all(journal: SqlRevocationJournal, now: datetime) -> list[Revocation]:
    return [revocation for batch in journal.live(now) for revocation in batch]


def test_the_head_of_an_empty_journal_is_0(journal: SqlRevocationJournal, now: datetime) -> None:
    assert journal.head() == 0
    assert _append(journal, [], now) == []
    assert _all(journal, now) == []


def test_an_append_keeps_its_order_and_comes_back_as_it_was(
    journal: SqlRevocationJournal, now: datetime
) -> None:
    written = [*_append(journal, ["b", "A", "a"], now), *_append(journal, ["0"], now)]

    assert [revocation.subject for revocation in written] == ["b", "A", "a", "0"]
    assert [revocation.revision for revocation in written] == [1, 2, 3, 4]
    assert _all(journal, now) == written
    assert journal.head() == 4


def test_p_rev_6_a_revocation_is_live_until_its_last_moment(
    journal: SqlRevocationJournal, now: datetime
) -> None:
    (revocation,) = _append(journal, ["a"], now)

    assert journal.purge(revocation.remember_until) == 0
    assert _all(journal, revocation.remember_until) == [revocation]
    assert _all(journal, revocation.remember_until + timedelta(microseconds=1)) == []


def test_live_gives_more_than_a_batch(journal: SqlRevocationJournal, now: datetime) -> None:
    written = _append(journal, [str(number) for number in range(1203)], now)

    assert _all(journal, now) == written
    assert journal.purge(now + timedelta(days=1)) == 1203


def test_a_purge_forgets_what_has_ended_and_revisions_never_go_back(
    journal: SqlRevocationJournal, now: datetime
) -> None:
    _append(journal, ["a", "b"], now, hours=1)
    (kept,) = _append(journal, ["c"], now, hours=3)

    assert journal.purge(now + timedelta(hours=2)) == 2
    assert _all(journal, now) == [kept]
    assert journal.purge(now + timedelta(hours=4)) == 1
    assert journal.head() == 3
    assert [revocation.revision for revocation in _append(journal, ["d"], now)] == [4]


def test_concurrent_appends_are_numbered_without_a_gap_and_stay_together(
    journal: SqlRevocationJournal, now: datetime
) -> None:
    calls = [partial(_append, journal, [f"{n}.{i}" for i in range(3)], now) for n in range(8)]

    outcomes = at_once(calls)

    written = _all(journal, now)
    assert [revocation.revision for revocation in written] == list(range(1, 25))
    for outcome in outcomes:
        assert not isinstance(outcome, Exception)
        assert written[outcome[0].revision - 1 : outcome[-1].revision] == outcome


def test_p_rev_1_a_reader_that_follows_the_revisions_misses_none(
    journal: SqlRevocationJournal, engine: Engine, now: datetime
) -> None:
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        last = False
        while not last:
            last = done.is_set()
            after = seen[-1] if seen else 0
            column = revocations.c.revision
            with read(engine) as connection:
                seen.extend(
                    connection.scalars(select(column).where(column > after).order_by(column))
                )

    def append_often(name: int) -> None:
        for number in range(20):
            _append(journal, [f"{name}.{number}"], now)

    reader = threading.Thread(target=follow)
    reader.start()
    try:
        outcomes = at_once([partial(append_often, name) for name in range(4)])
    finally:
        done.set()
        reader.join()

    assert outcomes == [None] * 4
    assert seen == list(range(1, 81))
