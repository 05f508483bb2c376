"""The roll of those who answer from memory, and the feed, on each engine (P-REV-1, P-FLT-2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from authsvc.domain.revocation import Revocation
from authsvc.domain.roll import Member
from authsvc.stores.redis import keys
from authsvc.stores.redis.feed import RedisFeedStream
from authsvc.stores.redis.roll import RedisLeaseRoll
from authsvc.verify.revocations import RevocationKind
from tests.stores.hot.process import Hot
from tests.stores.hot.servers import Server

NOW = datetime(2026, 11, 24, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture(name="roll")
def _roll(hot: Hot) -> RedisLeaseRoll:
    return RedisLeaseRoll(hot.connection)


def _found_elsewhere(server: Server) -> None:
    """Let the roll be as a copy that another server had made."""
    with server.client() as client:
        client.hset(keys.ROLL, "server", "another")


def _revocation(revision: int) -> Revocation:
    return Revocation(
        revision=revision,
        kind=RevocationKind.ACCOUNT,
        subject="acc_" + "a" * 32,
        epoch=revision,
        reason="a reason, of words",
        create_time=NOW,
        remember_until=NOW + timedelta(days=30),
    )


def test_a_roll_is_founded_once_and_is_not_settled(roll: RedisLeaseRoll) -> None:
    assert roll.look().book == b""
    first, second = roll.enrol(b"one"), roll.enrol(b"two")

    assert first.book == second.book == roll.look().book
    assert not roll.look().is_settled
    assert roll.look().members == {b"one": Member(0, -1), b"two": Member(0, -1)}


def test_a_renewal_counts_and_tells_what_all_have_applied_once_the_roll_is_settled(
    roll: RedisLeaseRoll,
) -> None:
    book = roll.enrol(b"one").book
    roll.enrol(b"two")

    assert roll.renew(b"one", book=book, applied=7, settle=False) == -1
    roll.renew(b"two", book=book, applied=5, settle=False)
    assert roll.renew(b"one", book=book, applied=7, settle=True) == 5
    assert roll.look().members == {b"one": Member(2, 7), b"two": Member(1, 5)}
    assert roll.look().is_settled


def test_who_is_not_on_this_roll_renews_nothing(roll: RedisLeaseRoll) -> None:
    book = roll.enrol(b"one").book

    assert roll.renew(b"stranger", book=book, applied=1, settle=True) is None
    assert roll.renew(b"one", book=b"another book", applied=1, settle=True) is None
    assert roll.look().members == {b"one": Member(0, -1)}
    assert not roll.look().is_settled


def test_p_flt_2_a_roll_of_another_server_is_none(
    roll: RedisLeaseRoll, shared_server: Server
) -> None:
    book = roll.enrol(b"one").book
    _found_elsewhere(shared_server)

    assert roll.look().book == b""
    assert roll.look().members == {}
    assert roll.renew(b"one", book=book, applied=1, settle=True) is None
    assert roll.enrol(b"two").book != book
    assert roll.look().members == {b"two": Member(0, -1)}


def test_p_rev_1_only_who_stood_still_is_struck(roll: RedisLeaseRoll) -> None:
    book = roll.enrol(b"one").book
    roll.renew(b"one", book=book, applied=1, settle=False)

    roll.strike(b"one", book=book, counter=0)
    roll.strike(b"one", book=b"another book", counter=1)
    assert b"one" in roll.look().members

    roll.strike(b"one", book=book, counter=1)
    assert roll.look().members == {}
    assert roll.renew(b"one", book=book, applied=1, settle=False) is None


def test_p_flt_2_nobody_is_struck_on_a_roll_of_another_server(
    roll: RedisLeaseRoll, shared_server: Server
) -> None:
    book = roll.enrol(b"one").book
    _found_elsewhere(shared_server)
    roll.strike(b"one", book=book, counter=0)

    with shared_server.client() as client:
        assert client.hexists(keys.ROLL, b"mone")


def test_who_signs_off_is_waited_for_no_longer(roll: RedisLeaseRoll) -> None:
    roll.enrol(b"one")
    roll.enrol(b"two")
    roll.sign_off(b"one")
    assert roll.look().members == {b"two": Member(0, -1)}


def test_the_feed_gives_back_what_was_published_from_the_place_of_the_enrolment(
    hot: Hot, roll: RedisLeaseRoll
) -> None:
    stream = RedisFeedStream(hot.connection)
    stream.publish([_revocation(1)])
    place = roll.enrol(b"one").feed_end
    assert stream.read(place, wait=0.01) == ((), place)

    published = [_revocation(2), _revocation(3)]
    stream.publish(published)

    came, after = stream.read(place, wait=0.01)
    assert came == published
    assert stream.read(after, wait=0.01) == ((), after)


def test_p_dur_3_what_a_later_version_adds_to_the_feed_is_left_out(
    hot: Hot, roll: RedisLeaseRoll, shared_server: Server
) -> None:
    stream = RedisFeedStream(hot.connection)
    place = roll.enrol(b"one").feed_end
    stream.publish([_revocation(1)])
    with shared_server.client() as client:
        [(_, fields)] = client.xrange(keys.FEED)
        client.xadd(keys.FEED, {**fields, b"r": b"2", b"hue": b"7"})

    came, _ = stream.read(place, wait=0.01)

    assert came == [_revocation(1), replace(_revocation(1), revision=2)]
