"""A revocation is remembered for longer than what it ends could live (P-REV-6)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.revocation import CLOCK_BOUND, Lifetimes

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_durations = st.timedeltas(timedelta(0), timedelta(days=400))


@given(_durations, _durations, st.timedeltas(timedelta(0), timedelta(seconds=60)), _durations)
def test_p_rev_6_the_memory_outlives_tokens_and_sessions_by_leeway_and_clock_bound(
    access_token: timedelta, session: timedelta, leeway: timedelta, age: timedelta
) -> None:
    lifetimes = Lifetimes(access_token=access_token, session=session, leeway=leeway)
    opened = _NOW - min(age, session)
    last_token_ends = opened + session + access_token

    assert lifetimes.remember_token(_NOW) >= _NOW + leeway + CLOCK_BOUND
    assert lifetimes.remember_session(_NOW) >= last_token_ends + leeway + CLOCK_BOUND


@given(_durations, st.timedeltas(timedelta(0), timedelta(seconds=60)), _durations)
def test_p_rev_6_the_memory_outlives_what_was_exchanged_from_what_is_revoked(
    access_token: timedelta, leeway: timedelta, age: timedelta
) -> None:
    """A token that was exchanged ends with the old one, and by the life of an access token."""
    lifetimes = Lifetimes(access_token=access_token, session=timedelta(0), leeway=leeway)
    old_ends = _NOW - min(age, access_token) + access_token
    new_ends = min(old_ends, _NOW + access_token)  # exchanged at the moment of the revocation

    of_the_old_token, of_an_actor = (
        lifetimes.remember_token(old_ends),
        lifetimes.remember_service(_NOW),
    )

    assert of_the_old_token >= new_ends + leeway + CLOCK_BOUND
    assert of_an_actor >= new_ends + leeway + CLOCK_BOUND
