"""What the verifier makes of the feed of revocations (P-REV-1, 2, 3)."""

from datetime import timedelta

import pytest
from authn.v1.revocation_pb2 import (
    REVOCATION_KIND_ACCOUNT,
    REVOCATION_KIND_KEY,
    REVOCATION_KIND_SESSION,
    REVOCATION_KIND_TOKEN,
    REVOCATION_KIND_UNSPECIFIED,
)
from google.protobuf.timestamp_pb2 import Timestamp

from authsvc.client import Mode, Verifier, judging
from authsvc.client import feed as feed_module
from authsvc.client import verifier as module
from authsvc.errors import StaleRevocations, TokenInactive
from tests.client.conftest import PATIENCE, Follow, mint, refusal_of
from tests.client.feed_server import FeedServer, piece, revoked
from tests.porch.processes import eventually
from tests.verify.minting import CLAIMS, JWKS


@pytest.mark.parametrize(
    ("kind", "claim", "epoch"),
    [
        (REVOCATION_KIND_TOKEN, "jti", 0),
        (REVOCATION_KIND_SESSION, "sid", 0),
        (REVOCATION_KIND_ACCOUNT, "sub", 4),
    ],
)
def test_p_rev_2_what_the_feed_ends_is_refused(
    feed: FeedServer, verifier: Verifier, kind: int, claim: str, epoch: int
) -> None:
    token = mint()
    assert refusal_of(verifier, token) is None

    feed.send(piece(5, 6, revoked(kind, CLAIMS[claim], epoch)))

    assert eventually(lambda: refusal_of(verifier, token) is TokenInactive)
    assert verifier.revision == 6


def test_an_epoch_spares_tokens_that_are_newer(feed: FeedServer, verifier: Verifier) -> None:
    feed.send(piece(5, 6, revoked(REVOCATION_KIND_ACCOUNT, CLAIMS["sub"], 4)))

    assert eventually(lambda: verifier.revision == 6)
    assert refusal_of(verifier, mint(epoch=3)) is TokenInactive
    assert refusal_of(verifier, mint(epoch=4)) is None


@pytest.mark.parametrize("mode", Mode)
def test_p_rev_2_before_the_first_news_both_modes_refuse(
    feed: FeedServer, follow: Follow, mode: Mode
) -> None:
    feed.send_keys(JWKS["EdDSA"])
    feed.send(piece(0, 0, reset=True, current=False))
    verifier = follow(mode=mode)
    assert eventually(lambda: verifier._keys.heard.is_set() and verifier._feed._next is not None)

    assert refusal_of(verifier, mint()) is StaleRevocations


def test_wait_until_ready_says_that_it_is_not(follow: Follow) -> None:
    with pytest.raises(StaleRevocations):
        follow().wait_until_ready(timedelta(milliseconds=50))


def test_a_gap_is_not_applied_and_the_call_begun_again_with_what_is_held(
    feed: FeedServer, verifier: Verifier
) -> None:
    feed.send(piece(7, 8, revoked(REVOCATION_KIND_TOKEN, "other")))

    assert eventually(lambda: feed.asked_after[-1] == 5 and len(feed.asked_after) == 2)
    feed.send(piece(5, 8, revoked(REVOCATION_KIND_TOKEN, CLAIMS["jti"])))
    assert eventually(lambda: refusal_of(verifier, mint()) is TokenInactive)


def test_pieces_out_of_order_or_twice_are_gaps(feed: FeedServer, verifier: Verifier) -> None:
    feed.send(piece(5, 6), piece(6, 7), piece(5, 6))

    assert eventually(lambda: len(feed.asked_after) == 2)
    assert feed.asked_after[-1] == 7
    assert verifier.revision == 7


def test_a_revision_never_goes_back_without_a_reset(feed: FeedServer, verifier: Verifier) -> None:
    feed.send(piece(5, 4))

    assert eventually(lambda: len(feed.asked_after) == 2)
    assert verifier.revision == 5


def test_a_cut_stream_goes_on_from_what_is_held(feed: FeedServer, verifier: Verifier) -> None:
    feed.send(piece(5, 6, revoked(REVOCATION_KIND_TOKEN, "other")))
    assert eventually(lambda: verifier.revision == 6)
    feed.cut()

    assert eventually(lambda: feed.asked_after[-1] == 6)
    feed.send(piece(6, 7, revoked(REVOCATION_KIND_TOKEN, CLAIMS["jti"])))
    assert eventually(lambda: refusal_of(verifier, mint()) is TokenInactive)


def test_p_rev_3_a_reset_is_used_once_it_is_complete(feed: FeedServer, verifier: Verifier) -> None:
    feed.send(piece(5, 6, revoked(REVOCATION_KIND_TOKEN, CLAIMS["jti"])))
    assert eventually(lambda: verifier.revision == 6)

    half = revoked(REVOCATION_KIND_TOKEN, "B" * 21 + "C")
    feed.send(piece(0, 0, half, reset=True, current=False))
    feed.cut()
    assert eventually(lambda: len(feed.asked_after) == 2)
    assert feed.asked_after[-1] == 6  # half a snapshot is worth nothing
    assert refusal_of(verifier, mint()) is TokenInactive
    assert refusal_of(verifier, mint(jti=half.subject)) is None

    feed.send(piece(0, 0, half, reset=True, current=False), piece(0, 9))
    assert eventually(lambda: verifier.revision == 9)
    assert refusal_of(verifier, mint(jti=half.subject)) is TokenInactive
    assert refusal_of(verifier, mint()) is None  # the server no longer says otherwise


@pytest.mark.parametrize(
    "hostile",
    [
        revoked(REVOCATION_KIND_UNSPECIFIED, "x"),
        revoked(99, "x"),
        revoked(REVOCATION_KIND_TOKEN, ""),
        revoked(REVOCATION_KIND_TOKEN, "x", forget_time=None),
    ],
    ids=["no kind", "unknown kind", "no name", "no time"],
)
def test_what_is_not_understood_ends_all_trust_in_both_modes(
    feed: FeedServer, follow: Follow, hostile: object
) -> None:
    feed.send_keys(JWKS["EdDSA"])
    feed.send(piece(0, 5, reset=True))
    verifier = follow(mode=Mode.BEST_EFFORT)
    verifier.wait_until_ready(PATIENCE)

    feed.send(piece(5, 6, hostile))

    assert eventually(lambda: refusal_of(verifier, mint()) is StaleRevocations)
    assert verifier.revision == 5
    assert eventually(lambda: feed.asked_after[-1] == 5 and len(feed.asked_after) > 1)
    feed.send(piece(5, 5))
    assert eventually(lambda: refusal_of(verifier, mint()) is None)


@pytest.mark.parametrize("mode", Mode)
def test_p_rev_2_staleness_counts_from_the_last_sign_of_life_also_in_sleep(
    feed: FeedServer, follow: Follow, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.send_keys(JWKS["EdDSA"])
    feed.send(piece(0, 5, reset=True))
    verifier = follow(mode=mode)
    verifier.wait_until_ready(PATIENCE)
    assert refusal_of(verifier, mint()) is None
    assert verifier.staleness < timedelta(seconds=10)

    asleep = module.since_boot() + 11  # the machine's sleep, as CLOCK_BOOTTIME shows it
    for one in (module, judging):
        monkeypatch.setattr(one, "since_boot", lambda: asleep)

    assert verifier.staleness > timedelta(seconds=10)
    if mode is Mode.STRICT:
        assert refusal_of(verifier, mint()) is StaleRevocations
    else:
        verdict = verifier.verdict(mint())
        assert verdict.is_stale
        assert verdict.revision == 5

    monkeypatch.setattr(feed_module, "since_boot", lambda: asleep)
    feed.send(piece(5, 5, current=False, later=11))
    feed.send(piece(5, 5, later=11))
    assert eventually(
        lambda: refusal_of(verifier, mint()) is None and verifier.staleness < timedelta(seconds=3)
    )


def test_p_rev_2_what_waited_for_who_slept_is_no_news(
    feed: FeedServer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = len(feed.asked_after)
    awake = module.since_boot() + 3600
    for one in (module, judging, feed_module):
        monkeypatch.setattr(one, "since_boot", lambda: awake)

    feed.send(piece(5, 5))  # sent an hour ago

    assert eventually(lambda: len(feed.asked_after) > calls)
    assert refusal_of(verifier, mint()) is StaleRevocations
    feed.send(piece(5, 5, later=3600))
    assert eventually(lambda: verifier.staleness < timedelta(seconds=3))


def test_a_silent_server_is_called_again(feed: FeedServer, verifier: Verifier) -> None:
    # No piece follows: after the patience the call counts as dead, though the connection lives.
    assert eventually(lambda: feed.asked_after[:2] == [0, 5])


def test_a_key_that_is_revoked_is_out_at_once_and_stays_out(
    feed: FeedServer, verifier: Verifier
) -> None:
    kid = JWKS["EdDSA"]["kid"]
    assert refusal_of(verifier, mint()) is None
    feed.send(piece(5, 6, revoked(REVOCATION_KIND_KEY, kid)))
    assert eventually(lambda: refusal_of(verifier, mint()) is TokenInactive)

    feed.send_keys(JWKS["EdDSA"], JWKS["ES256"])
    assert eventually(lambda: verifier._keys.ring.find(JWKS["ES256"]["kid"]) is not None)
    assert refusal_of(verifier, mint()) is TokenInactive


def test_a_revoked_key_of_an_unfinished_snapshot_is_out_at_once(
    feed: FeedServer, verifier: Verifier
) -> None:
    revocation = revoked(REVOCATION_KIND_KEY, JWKS["EdDSA"]["kid"])
    feed.send(piece(0, 0, revocation, reset=True, current=False))

    assert eventually(lambda: refusal_of(verifier, mint()) is TokenInactive)


def test_what_is_over_by_both_clocks_is_forgotten(
    feed: FeedServer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = revoked(REVOCATION_KIND_TOKEN, "over", forget_time=Timestamp(seconds=1))
    feed.send(piece(5, 6, over, revoked(REVOCATION_KIND_TOKEN, "live")))
    assert eventually(lambda: len(verifier._feed.index) == 2)
    later = feed_module.since_boot() + 61
    monkeypatch.setattr(feed_module, "since_boot", lambda: later)

    feed.send(piece(6, 6, later=61))

    assert eventually(lambda: len(verifier._feed.index) == 1)
