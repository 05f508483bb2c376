"""Tokens are checked in memory, and no acknowledged revocation is missed (P-REV-1, 3; P-FLT-1)."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.token_service_pb2 import VerifyTokensRequest

from authsvc.domain.follower import Follower
from authsvc.domain.revocation import Revocation
from authsvc.errors import StoreUnavailable
from authsvc.stores.redis import keys
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.verify.revocations import RevocationKind
from tests.porch.processes import eventually
from tests.promises.asking import Pair, verify, verify_refusal
from tests.service import Service, reason, running
from tests.stores.hot.servers import Server
from tests.stores.outbox import outbox


def _revoke_session(service: Service, session_id: str) -> int:
    return service.session.RevokeSession(RevokeSessionRequest(session_id=session_id)).revision


@contextmanager
def _frozen(service: Service) -> Iterator[None]:
    """Stop the thread that follows the feed, as a scheduler or a debugger would."""
    follower: Follower = service.app.revoking.follower
    step, thaw = follower._follow, threading.Event()
    frozen = threading.Event()

    def freeze() -> None:
        frozen.set()
        thaw.wait()

    follower._follow = freeze  # type: ignore[method-assign]
    assert frozen.wait(5)
    try:
        yield
    finally:
        follower._follow = step  # type: ignore[method-assign]
        thaw.set()


def _holds_lease(service: Service) -> bool:
    return service.app.revoking.replica.lease.holds()


def _checks(redis: Server) -> int:
    """How many read-only scripts the server was asked to run."""
    with redis.client() as client:
        stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("mget", "get"))


@pytest.fixture(name="own_pair")
def _own_pair(own_redis: Server, tmp_path: Path) -> Iterator[Pair]:
    with (
        running(data=tmp_path, redis_url=own_redis.url) as first,
        running(data=tmp_path, redis_url=own_redis.url) as second,
    ):
        yield Pair(first, second)


def test_a_check_under_a_lease_asks_no_store(own: Service, own_redis: Server) -> None:
    token = own.register().tokens.access_token
    with _frozen(own):  # its own renewals would be counted, too
        own.app.revoking.replica.lease.extend(time.clock_gettime(time.CLOCK_BOOTTIME) + 60)
        before = _checks(own_redis)
        for _ in range(50):
            verify(own, token)
        own.token.VerifyTokens(VerifyTokensRequest(access_tokens=[token] * 50))
        assert _checks(own_redis) == before


def test_p_rev_1_a_worker_that_stands_still_is_waited_for_until_its_lease_has_ended(
    own_pair: Pair,
) -> None:
    first, second = own_pair.first, own_pair.second
    tokens = first.register().tokens
    assert verify_refusal(second, tokens.access_token) == ""
    with _frozen(second):
        _revoke_session(first, tokens.session_id)

        assert not _holds_lease(second)
        assert verify_refusal(second, tokens.access_token) == "TOKEN_INACTIVE"
    assert eventually(lambda: _holds_lease(second))
    assert verify_refusal(second, tokens.access_token) == "TOKEN_INACTIVE"


def test_p_rev_3_nobody_sees_a_token_inactive_that_another_worker_still_accepts(
    own_pair: Pair,
) -> None:
    first, second = own_pair.first, own_pair.second
    tokens = first.register().tokens
    with _frozen(second), ThreadPoolExecutor(1) as threads:
        revoking = threads.submit(_revoke_session, first, tokens.session_id)
        while verify_refusal(first, tokens.access_token) == "":
            pass
        assert verify_refusal(second, tokens.access_token) == "TOKEN_INACTIVE"
        revoking.result()


def test_p_flt_1_without_redis_checks_go_on_until_the_lease_ends_and_then_are_unavailable(
    own: Service, own_redis: Server
) -> None:
    token = own.register().tokens.access_token
    verify(own, token)
    own_redis.kill()
    verify(own, token)

    assert eventually(lambda: not _holds_lease(own))
    with pytest.raises(grpc.RpcError) as refused:
        verify(own, token)
    assert reason(refused.value) == "STORE_UNAVAILABLE"

    own_redis.start()
    assert eventually(lambda: _holds_lease(own), seconds=5)
    assert verify_refusal(own, token) == ""


def _journal(service: Service, session_id: str) -> Sequence[Revocation]:
    """Revoke a session as a process does that dies before anyone else hears of it."""
    engine = connect(service.app.config.sql_url())
    now = service.clock()
    written = SqlRevocationJournal(engine, outbox(engine)).append(
        RevocationKind.SESSION,
        [session_id],
        reason="test",
        now=now,
        remember_until=now + timedelta(hours=1),
        events=[],
    )
    engine.dispose()
    return written


def test_p_rev_7_what_a_process_journalled_before_it_died_comes_into_force(own: Service) -> None:
    tokens = own.register().tokens
    _journal(own, tokens.session_id)

    assert eventually(lambda: verify_refusal(own, tokens.access_token) == "TOKEN_INACTIVE")
    assert eventually(lambda: _marks(own) == 1)


def test_p_rev_7_what_the_feed_skips_is_taken_from_the_journal(own: Service) -> None:
    skipped, told = own.register().tokens, own.register().tokens
    _journal(own, skipped.session_id)
    own.app.revoking.follower._stream.publish(_journal(own, told.session_id))

    for tokens in (told, skipped):
        assert eventually(lambda: verify_refusal(own, tokens.access_token) == "TOKEN_INACTIVE")  # noqa: B023 - asked at once
    assert eventually(lambda: _marks(own) == 2)


def _marks(service: Service) -> int:
    with service.app.revoking.redis._taken() as connection:
        connection.send_command("KEYS", "r{*")
        return len(connection.read_response())


def test_p_flt_2_a_feed_that_was_cut_short_is_filled_from_the_journal(
    own_pair: Pair, own_redis: Server
) -> None:
    first, second = own_pair.first, own_pair.second
    lost, found = first.register().tokens, first.register().tokens
    with _frozen(second), own_redis.client() as client, ThreadPoolExecutor(1) as threads:
        revoking = threads.submit(_revoke_session, first, lost.session_id)
        assert eventually(lambda: client.xlen(keys.FEED) > 0)
        client.xtrim(keys.FEED, maxlen=0)
        revoking.result()
    _revoke_session(first, found.session_id)

    assert eventually(lambda: _holds_lease(second))
    for tokens in (lost, found):
        assert verify_refusal(second, tokens.access_token) == "TOKEN_INACTIVE"


def test_entries_of_the_feed_that_come_twice_or_late_do_no_harm(
    own: Service, own_redis: Server
) -> None:
    tokens = [own.register().tokens for _ in range(3)]
    for each in tokens:
        _revoke_session(own, each.session_id)
    with own_redis.client() as client:
        for _, fields in reversed(client.xrange(keys.FEED)):
            client.xadd(keys.FEED, fields)
    another = own.register().tokens

    revision = _revoke_session(own, another.session_id)

    assert eventually(lambda: own.app.revoking.replica.revision == revision)
    assert verify_refusal(own, another.access_token) == "TOKEN_INACTIVE"


@pytest.mark.parametrize("lost", ["roll", "everything"])
def test_p_flt_2_a_lost_roll_frees_no_revoker_from_waiting_for_old_leases(
    own_pair: Pair, own_redis: Server, lost: str
) -> None:
    first, second = own_pair.first, own_pair.second
    tokens = first.register().tokens
    with _frozen(second), own_redis.client() as client:
        client.delete(keys.ROLL) if lost == "roll" else client.flushall()

        _revoke_session(first, tokens.session_id)

        assert not _holds_lease(second)
        assert verify_refusal(second, tokens.access_token) == "TOKEN_INACTIVE"


def test_p_rev_1_a_worker_that_was_signed_off_is_waited_for_no_longer(
    own_redis: Server, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as first:
        with running(data=tmp_path, redis_url=own_redis.url) as second:
            assert len(_roll(own_redis)) == 2
            second.register()
        assert len(_roll(own_redis)) == 1
        assert _holds_lease(first)


def _roll(redis: Server) -> list[bytes]:
    with redis.client() as client:
        return [name for name in client.hgetall(keys.ROLL) if name.startswith(b"m")]


def test_p_flt_2_a_primary_that_lost_its_replicas_answers_no_check_from_the_past(
    own: Service, own_redis: Server
) -> None:
    """A newer primary may know more: `min-replicas-to-write` stops reads without a lease, too."""
    token = own.register().tokens.access_token
    with own_redis.client() as client:
        client.config_set("min-replicas-to-write", "1")
        assert eventually(lambda: not _holds_lease(own))

        assert verify_refusal(own, token) == "STORE_UNAVAILABLE"

        client.config_set("min-replicas-to-write", "0")
    assert eventually(lambda: verify_refusal(own, token) == "")


def test_p_rev_3_nor_does_a_worker_without_a_lease_tell_it_before_the_others_know(
    own_pair: Pair,
) -> None:
    first, second = own_pair.first, own_pair.second
    tokens = first.register().tokens
    second.app.revoking.replica.lease.give_up()  # from now on it asks Redis
    with _frozen(first), ThreadPoolExecutor(1) as threads:
        revoking = threads.submit(_revoke_session, second, tokens.session_id)
        while verify_refusal(second, tokens.access_token) == "":
            pass
        assert verify_refusal(first, tokens.access_token) == "TOKEN_INACTIVE"
        revoking.result()


def test_p_rev_3_what_one_worker_finds_in_the_journal_the_others_hear_from_it(
    own_pair: Pair, own_redis: Server
) -> None:
    """Else it could never say that the token is inactive: nobody would confirm it."""
    first, second = own_pair.first, own_pair.second
    tokens = first.register().tokens
    for service in own_pair:  # only what the follower itself puts out is to count
        service.app.revoking.revoker._journal = _EmptyJournal()
    _journal(first, tokens.session_id)
    first.app.revoking.follower._apply_journal()

    assert eventually(lambda: verify_refusal(second, tokens.access_token) == "TOKEN_INACTIVE")
    assert _marks(second) == 1
    with own_redis.client() as client:
        assert client.xlen(keys.FEED) >= 1


class _EmptyJournal:
    def head(self) -> int:
        return 0


def test_a_worker_that_can_not_read_the_journal_leaves_no_seat_that_revokers_wait_for(
    own: Service, own_redis: Server
) -> None:
    follower = own.app.revoking.follower
    journal, follower._journal = follower._journal, _BrokenJournal()
    try:
        with own_redis.client() as client:
            client.delete(keys.ROLL)
        assert eventually(lambda: _BrokenJournal.asked >= 3)
        assert len(_roll(own_redis)) <= 1
    finally:
        follower._journal = journal


class _BrokenJournal:
    asked = 0

    def head(self) -> int:
        type(self).asked += 1
        raise StoreUnavailable
