"""The feed in memory: in order, without a gap, from any of the latest revisions."""

import threading
from datetime import UTC, datetime

import pytest

from authsvc.domain.feed import Piece, RevocationFeed
from authsvc.domain.revocation import Revocation
from authsvc.verify.revocations import RevocationKind

_KEPT = 10_000


def line(revision: int) -> Revocation:
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    return Revocation(
        revision=revision,
        kind=RevocationKind.TOKEN,
        subject=str(revision),
        epoch=0,
        reason="",
        create_time=moment,
        remember_until=moment,
    )


def lines(first: int, last: int) -> list[Revocation]:
    return [line(revision) for revision in range(first, last + 1)]


def revisions(*pieces: Piece) -> list[int]:
    return [revocation.revision for piece in pieces for revocation in piece.revocations]


def extend(feed: RevocationFeed, revocations: list[Revocation]) -> None:
    feed.extend(revocations, revision=revocations[-1].revision)


@pytest.fixture(name="feed")
def _feed() -> RevocationFeed:
    feed = RevocationFeed()
    feed._oldest = feed._revision = 5  # as if all up to it were long ago
    extend(feed, lines(6, 9))
    return feed


@pytest.mark.parametrize("after", [5, 7, 9])
def test_a_follower_is_told_first_what_it_missed(after: int, feed: RevocationFeed) -> None:
    told: list[Piece] = []
    assert feed.follow(after, told.append)
    extend(feed, lines(10, 11))
    assert [(piece.after_revision, piece.revision) for piece in told] == [(after, 9), (9, 11)]
    assert revisions(*told) == list(range(after + 1, 12))


@pytest.mark.parametrize("after", [0, 4, 10])
def test_what_is_not_at_hand_is_told_to_nobody(after: int, feed: RevocationFeed) -> None:
    told: list[Piece] = []
    assert not feed.follow(after, told.append)
    extend(feed, lines(10, 11))
    assert told == []


def test_nothing_new_is_told_too(feed: RevocationFeed) -> None:
    told: list[Piece] = []
    feed.follow(9, told.append)
    feed.repeat()
    assert told[1] == Piece(9, 9, ())
    assert feed.revision == 9


def test_who_has_left_is_told_nothing(feed: RevocationFeed) -> None:
    told: list[Piece] = []
    feed.follow(9, told.append)
    feed.leave(told.append)
    feed.leave(told.append)
    extend(feed, lines(10, 10))
    assert revisions(*told) == []


@pytest.mark.parametrize("at_once", [1, 7, _KEPT + 3], ids=str)
def test_only_the_latest_are_kept(at_once: int) -> None:
    feed = RevocationFeed()
    last = 0
    while last < _KEPT + 3:
        extend(feed, lines(last + 1, last + at_once))
        last += at_once
    oldest = last - _KEPT
    told: list[Piece] = []
    assert not feed.follow(oldest - 1, told.append)
    assert feed.follow(oldest, told.append)
    assert revisions(*told) == list(range(oldest + 1, last + 1))


def test_who_comes_while_much_is_told_misses_nothing_and_gets_nothing_twice() -> None:
    feed = RevocationFeed()
    logs: list[list[Piece]] = []

    def tell() -> None:
        for revision in range(1, 2_001):
            extend(feed, [line(revision)])

    teller = threading.Thread(target=tell)
    teller.start()
    while teller.is_alive():
        log: list[Piece] = []
        feed.follow(0, log.append)
        logs.append(log)
    teller.join()
    assert all(revisions(*log) == list(range(1, 2_001)) for log in logs)
