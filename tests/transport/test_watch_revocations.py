"""WatchRevocations: nobody who keeps to the protocol misses a revocation."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import grpc
import pytest
from authn.v1.revocation_pb2 import RevocationKind

from authsvc.domain.revocation import Revocation
from authsvc.errors import StoreUnavailable
from tests.service import Service, running
from tests.stores.hot.servers import Server, valkey
from tests.transport.calls import refused
from tests.transport.watching import Revoking, Watcher, is_current, revoking

UNKNOWN = 2**40


@pytest.fixture(name="own", scope="module")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in which nobody else revokes anything."""
    data = Path(tmp_path_factory.mktemp("watched"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        yield service


@pytest.fixture(name="revoke")
def _revoke(own: Service) -> Iterator[Revoking]:
    with revoking(own) as revoke:
        yield revoke


def test_an_empty_journal_is_a_reset_to_nothing(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        piece = Watcher(service.token, after=UNKNOWN).read()
    assert piece.reset
    assert piece.is_current
    assert not piece.revocations
    assert piece.revision == 0


def test_who_knows_nothing_is_given_all_that_still_matters(own: Service, revoke: Revoking) -> None:
    revoked = revoke.before_start(1_201)  # of which the journal is read in three batches
    since = revoke()

    watcher = Watcher(own.token)
    pieces = watcher.read_until(is_current)

    assert [piece.reset for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert all(piece.revision == 0 for piece in pieces[:-1])
    assert watcher.known >= revoked | since
    assert watcher.revision == own.app.revoking.replica.feed.revision
    revocation = pieces[0].revocations[0]
    assert revocation.kind == RevocationKind.REVOCATION_KIND_TOKEN
    assert revocation.forget_time.ToSeconds() > pieces[0].server_time.ToSeconds()


def test_who_calls_again_is_given_what_was_missed_and_no_more(
    own: Service, revoke: Revoking
) -> None:
    first = Watcher(own.token)
    first.read_until(is_current)
    first.call.cancel()
    missed = revoke(3) | revoke(2)

    second = Watcher(own.token, after=first.revision)
    second.read_until(is_current)

    assert second.resets == 0
    assert second.known == missed


@pytest.mark.parametrize("after", [UNKNOWN, 1])
def test_who_names_a_revision_that_is_not_at_hand_begins_anew(
    after: int, own: Service, revoke: Revoking
) -> None:
    revoked = revoke.before_start(2)
    watcher = Watcher(own.token, after=after)
    watcher.read_until(is_current)
    assert watcher.resets == 1
    assert watcher.known >= revoked


def test_who_watches_is_told_at_once(own: Service, revoke: Revoking) -> None:
    watcher = Watcher(own.token, after=own.app.revoking.replica.feed.revision)
    watcher.read_until(is_current)
    revoked = revoke(2)
    watcher.read_until(lambda _: watcher.known >= revoked)
    assert watcher.known == revoked


def test_signs_of_life_come_although_nothing_is_revoked(own: Service) -> None:
    watcher = Watcher(own.token, after=own.app.revoking.replica.feed.revision)
    pieces = [watcher.read() for _ in range(4)]
    assert all(piece.is_current and not piece.revocations for piece in pieces)
    moments = [piece.server_time.ToDatetime() for piece in pieces]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("after", [0, UNKNOWN], ids=["from the feed", "from the journal"])
def test_nothing_is_missed_by_those_who_come_and_go_while_much_is_revoked(
    after: int, own: Service, revoke: Revoking
) -> None:
    before = revoke.before_start(600)
    start = own.app.revoking.replica.feed.revision

    def watch(seed: int) -> set[str]:
        """Watch until everything is known, calling again now and then."""
        chance = random.Random(seed)
        watcher = Watcher(own.token, after=after or start)
        known = watcher.known
        while not watcher.read().is_current or watcher.revision < start + 300:
            if watcher.revision and chance.random() < 0.1:
                watcher.call.cancel()
                watcher = Watcher(own.token, after=watcher.revision)
                watcher.known = known
        watcher.call.cancel()
        return known

    with ThreadPoolExecutor(8) as pool:
        watching = [pool.submit(watch, seed) for seed in range(8)]
        revoked = set().union(*(revoke(3) for _ in range(100)))
        known = [each.result(60) for each in watching]

    for each in known:
        assert each >= revoked
        assert each >= before or after == 0


def test_p_rev_1_a_server_that_is_behind_lets_nobody_believe_to_be_current(own: Service) -> None:
    watch = own.app.watching.revocations
    watcher = Watcher(own.token, after=own.app.revoking.replica.feed.revision)
    watcher.read_until(is_current)
    truth = watch._is_current
    watch._is_current = lambda: False
    try:
        watcher.read_until(lambda piece: not piece.is_current)
        assert refused(lambda: Watcher(own.token).read()).reason == "STORE_UNAVAILABLE"
        assert not any(watcher.read().is_current for _ in range(2))
    finally:
        watch._is_current = truth
    watcher.read_until(is_current)


def test_what_is_revoked_once_the_journal_was_read_is_in_the_snapshot_too(
    own: Service, revoke: Revoking, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked = revoke.before_start(2)
    live = own.app.watching.revocations._journal.live

    def live_and_then_more(now: datetime) -> Iterator[Sequence[Revocation]]:
        yield from live(now)
        revoked.update(revoke(2))

    monkeypatch.setattr(own.app.watching.revocations._journal, "live", live_and_then_more)
    watcher = Watcher(own.token)
    watcher.read_until(is_current)
    assert watcher.known >= revoked


def test_p_flt_1_a_worker_that_may_be_behind_begins_no_stream(
    tmp_path: Path, redis: Server
) -> None:
    """It would tell what it knows as if that were all."""
    with running(data=tmp_path, redis_url=redis.url) as service:
        watcher = Watcher(service.token, after=UNKNOWN)
        assert watcher.read_until(is_current)
        service.app.revoking.replica.lease.give_up()

        assert watcher.read_until(lambda piece: not piece.is_current)
        refusal = refused(Watcher(service.token, after=UNKNOWN).read)
        assert refusal.reason == "STORE_UNAVAILABLE"


def test_p_flt_1_without_the_journal_a_snapshot_ends_as_unavailable(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        service.app.watching.revocations._journal = _BrokenJournal()

        refusal = refused(Watcher(service.token, after=UNKNOWN).read)

        assert refusal.code is grpc.StatusCode.UNAVAILABLE
        assert refusal.reason == "STORE_UNAVAILABLE"


class _BrokenJournal:
    def live(self, _now: object) -> Iterator[object]:
        yield from ()
        raise StoreUnavailable
