"""How many wrong guesses are borne, and for how long the next has to wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.attempts import AttemptLimits
from authsvc.domain.guessing import Failures, Patience

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMITS = AttemptLimits()
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def wait(count: int) -> timedelta:
    """The wait right after so many wrong guesses."""
    return LIMITS.passwords.wait(Failures(count=count, last_time=NOW), now=NOW)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, timedelta(0)),
        (9, timedelta(0)),
        (10, timedelta(seconds=30)),
        (11, MINUTE),
        (14, 8 * MINUTE),
        (15, 15 * MINUTE),
        (99, 15 * MINUTE),
        (100, DAY),
        (1_000_000, DAY),
    ],
)
def test_p_thr_1_waits_grow(count: int, expected: timedelta) -> None:
    assert wait(count) == expected


@given(st.integers(0, 10**9), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_p_thr_2_no_wait_is_longer_than_a_day_and_every_wait_ends(
    count: int, since: timedelta
) -> None:
    failures = Failures(count=count, last_time=NOW)
    assert LIMITS.passwords.wait(failures, now=NOW + since) <= DAY
    assert not LIMITS.passwords.wait(failures, now=NOW + DAY)


@given(st.integers(0, 10**9))
def test_waits_never_shrink_and_guesses_left_never_grow(count: int) -> None:
    fewer, more = Failures(count=count), Failures(count=count + 1)
    assert wait(count) <= wait(count + 1)
    assert LIMITS.passwords.at_once(fewer) >= LIMITS.passwords.at_once(more) >= 1


def guesses_in_a_year(patience: Patience, *, in_a_row: int) -> int:
    """What somebody gets who guesses so often in a row, and then waits until all is forgotten."""
    now, made, row = NOW, 0, Failures()
    while now < NOW + timedelta(days=365):
        row = Failures(count=row.count + 1, last_time=now)
        made += 1
        if row.count == in_a_row:
            now += patience.remember(row.count)
            row = Failures()
        now += patience.wait(row, now=now)
    return made


@pytest.mark.parametrize(("patience", "most"), [(LIMITS.passwords, 3_400), (LIMITS.factors, 1_250)])
def test_p_thr_1_the_documented_bound_of_guesses_in_a_year(patience: Patience, most: int) -> None:
    """Whatever somebody guesses in a row: docs/decisions says so."""
    best = max(guesses_in_a_year(patience, in_a_row=n) for n in range(1, 130))
    assert best <= most
