"""What a session store on Redis does, on each engine."""

import hashlib
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.crc import key_slot

from authsvc.domain.identifiers import (
    account_partition,
    new_account_id,
    new_session_id,
    new_token_id,
)
from authsvc.domain.revocation import TokenNames
from authsvc.domain.sessions import RotationOutcome
from authsvc.errors import StoreUnavailable
from authsvc.stores.redis import keys
from authsvc.verify.revocations import RevocationKind
from tests.stores.hot.process import GRACE, NOW, Hot, a_session, connect

ROTATED, REPEATED = RotationOutcome.ROTATED, RotationOutcome.REPEATED
REUSED, UNKNOWN = RotationOutcome.REUSED, RotationOutcome.UNKNOWN
MILLISECOND = timedelta(milliseconds=1)
HOUR = timedelta(hours=1)


def test_a_session_is_found_as_it_was_opened(hot: Hot) -> None:
    session = hot.open(a_session())

    assert hot.sessions.find(session.session_id, now=NOW) == session
    assert hot.sessions.list(session.account_id, now=NOW) == [session]


def test_a_rotation_moves_the_session_on(hot: Hot) -> None:
    session = hot.open(a_session())

    rotation = hot.rotate(session, 0, after=HOUR)

    moved = replace(session, generation=1, last_use_time=NOW + HOUR)
    assert rotation.outcome is ROTATED
    assert rotation.session == moved
    assert hot.sessions.find(session.session_id, now=NOW + HOUR) == moved


def test_p_ref_1_racing_refreshes_get_one_successor(hot: Hot) -> None:
    session = hot.open(a_session())
    with ThreadPoolExecutor(64) as threads:
        rotations = list(threads.map(lambda _: hot.rotate(session, 0), range(64)))

    assert Counter(r.outcome for r in rotations) == {ROTATED: 1, REPEATED: 63}
    assert {r.session.generation for r in rotations if r.session} == {1}


@pytest.mark.parametrize("away", [timedelta(0), GRACE, -GRACE])
def test_p_ref_2_a_repeat_within_the_grace_changes_nothing(hot: Hot, away: timedelta) -> None:
    session = hot.open(a_session())
    first = hot.rotate(session, 0)

    again = hot.rotate(session, 0, after=away)

    assert again.outcome is REPEATED
    assert again.session == first.session


@pytest.mark.parametrize("away", [GRACE + MILLISECOND, -GRACE - MILLISECOND])
def test_p_ref_3_a_repeat_after_the_grace_closes_the_session(hot: Hot, away: timedelta) -> None:
    session = hot.open(a_session())
    hot.rotate(session, 0)

    assert hot.rotate(session, 0, after=away).outcome is REUSED
    assert hot.rotate(session, 1).outcome is REUSED
    assert hot.rotate(session, 9).outcome is REUSED
    assert hot.sessions.find(session.session_id, now=NOW) is None
    assert hot.sessions.list(session.account_id, now=NOW) == []


def test_p_ref_3_a_repeat_whose_successor_was_used_closes_the_session(hot: Hot) -> None:
    session = hot.open(a_session())
    hot.rotate(session, 0)
    hot.rotate(session, 1)

    reused = hot.rotate(session, 0)

    assert reused.outcome is REUSED
    assert reused.session is not None
    assert reused.session.account_id == session.account_id


def test_p_ref_4_a_genuine_newer_generation_moves_the_session_forward(hot: Hot) -> None:
    session = hot.open(a_session())

    newer = hot.rotate(session, 7)

    assert newer.outcome is ROTATED
    assert newer.session is not None
    assert newer.session.generation == 8
    assert hot.rotate(session, 6).outcome is REUSED


def test_the_highest_generation_can_be_reached(hot: Hot) -> None:
    rotation = hot.rotate(hot.open(a_session()), 2**32 - 2)

    assert rotation.session is not None
    assert rotation.session.generation == 2**32 - 1


@pytest.mark.parametrize("change", [{"client_id": "web-ap"}, {"nonce_hash": bytes(16)}])
def test_p_ref_6_another_client_or_nonce_is_denied_without_effect(
    hot: Hot, change: dict[str, object]
) -> None:
    session = hot.open(a_session())
    hot.rotate(session, 0)
    with hot.server.client() as client:
        before = client.get(keys.of_session(session.session_id).record)
        for generation in (0, 1, 5):
            stranger = replace(session, **change)  # type: ignore[arg-type]
            rotation = hot.rotate(stranger, generation, after=HOUR)
            assert (rotation.outcome, rotation.session) == (UNKNOWN, None)
        assert client.get(keys.of_session(session.session_id).record) == before


def test_p_ref_6_a_session_ends_at_its_idle_and_its_absolute_end(hot: Hot) -> None:
    idle = hot.open(a_session(idle=HOUR, absolute=5 * HOUR))
    absolute = hot.open(a_session(idle=5 * HOUR, absolute=HOUR))
    for session in (idle, absolute):
        assert hot.sessions.find(session.session_id, now=NOW + HOUR - MILLISECOND)
        assert hot.sessions.find(session.session_id, now=NOW + HOUR) is None
        assert hot.rotate(session, 0, after=HOUR).outcome is UNKNOWN
        assert hot.rotate(session, 0, after=HOUR - MILLISECOND).outcome is ROTATED


def test_the_record_lives_no_longer_than_the_session(hot: Hot) -> None:
    session = hot.open(a_session(idle=HOUR, absolute=2 * HOUR))
    record = keys.of_session(session.session_id).record
    index = keys.of_account(session.account_id).index
    with hot.server.client() as client:
        assert 3_590_000 < client.pttl(record) <= 3_601_000
        assert client.pttl(index) > client.pttl(record)
        hot.rotate(session, 0, after=0.5 * HOUR)
        assert 3_590_000 < client.pttl(record) <= 3_601_000
        hot.rotate(session, 1, after=1.4 * HOUR)
        assert 0.6 * 3_590_000 < client.pttl(record) <= 0.6 * 3_600_000 + 1000
        assert client.pttl(index) > client.pttl(record)


def test_p_flt_5_a_callers_clock_set_back_cannot_lengthen_a_session(hot: Hot) -> None:
    session = hot.open(a_session(idle=5 * HOUR, absolute=2 * HOUR))
    hot.rotate(session, 0, after=-HOUR)
    with hot.server.client() as client:
        assert client.pttl(keys.of_session(session.session_id).record) <= 2 * 3_600_000 + 3000


def test_p_flt_5_a_record_that_redis_kept_too_long_is_still_past_its_end(hot: Hot) -> None:
    session = hot.open(a_session(idle=HOUR))
    with hot.server.client() as client:
        client.pexpire(keys.of_session(session.session_id).record, 10**9)

    assert hot.sessions.find(session.session_id, now=NOW + HOUR) is None
    assert hot.rotate(session, 0, after=HOUR).outcome is UNKNOWN


def test_p_ref_9_the_oldest_sessions_end_beyond_the_limit(hot: Hot) -> None:
    account_id = new_account_id()
    opened = [hot.open(a_session(account_id), limit=3) for _ in range(3)]
    newest = a_session(account_id)

    ended = hot.sessions.open(newest, limit=2, now=NOW)

    assert ended == [session.session_id for session in opened[:2]]
    assert hot.sessions.list(account_id, now=NOW) == [opened[2], newest]
    for session_id in ended:
        names = TokenNames(
            token_id=new_token_id(account_partition(account_id)),
            session_id=session_id,
            account_id=account_id,
        )
        assert hot.marks.check([names])[0].session_revoked


def test_p_ref_9_another_accounts_sessions_in_the_same_index_are_left_alone(hot: Hot) -> None:
    account_id = new_account_id()
    twin = account_id[:-30] + secrets.token_hex(11) + account_id[-8:]
    other = hot.open(a_session(type(account_id)(twin)))
    assert keys.of_account(other.account_id).fingerprint == keys.of_account(account_id).fingerprint
    hot.open(a_session(account_id), limit=1)
    newest = hot.open(a_session(account_id), limit=1)

    hot.revoke(RevocationKind.ACCOUNT, account_id, epoch=1)

    assert hot.sessions.list(account_id, now=NOW) == []
    assert hot.sessions.find(newest.session_id, now=NOW) is None
    assert hot.sessions.list(other.account_id, now=NOW) == [other]


def test_p_ref_5_a_login_that_an_epoch_overtook_opens_nothing(hot: Hot) -> None:
    late = a_session(epoch=4)
    hot.revoke(RevocationKind.ACCOUNT, late.account_id, epoch=5)

    assert hot.sessions.open(late, limit=3, now=NOW) is None
    assert hot.sessions.find(late.session_id, now=NOW) is None
    hot.open(replace(late, epoch=5))


def test_entries_of_ended_sessions_leave_the_index(hot: Hot) -> None:
    with hot.server.client() as client:
        account_id = new_account_id()
        for _ in range(200):
            neighbour = type(account_id)("acc_" + secrets.token_hex(14) + account_id[-4:])
            session = hot.open(a_session(neighbour))
            client.delete(keys.of_session(session.session_id).record)
        assert client.strlen(keys.of_account(account_id).index) < 17 * 20


def test_p_ref_8_no_nonce_and_no_clear_secret_is_kept(hot: Hot) -> None:
    nonce = secrets.token_bytes(16)
    session = replace(a_session(), nonce_hash=hashlib.sha256(nonce).digest()[:16])
    hot.open(session)
    hot.rotate(session, 0)
    with hot.server.client() as client:
        kept = b"".join(key + (client.get(key) or b"") for key in client.keys("*"))
    assert nonce not in kept
    assert session.nonce_hash in kept


def test_a_rotation_is_one_round_trip(hot: Hot) -> None:
    session = hot.open(a_session())
    hot.rotate(session, 0)
    with hot.server.client() as client:
        client.config_resetstat()
        for generation in range(1, 11):
            hot.rotate(session, generation)
        stats = client.info("commandstats")
        processed = client.info("stats")["total_reads_processed"]
    assert stats["cmdstat_evalsha"]["calls"] == 10
    assert processed <= 10 + 4


def test_a_lost_script_is_loaded_again(hot: Hot) -> None:
    session = hot.open(a_session())
    with hot.server.client() as client:
        client.script_flush()
    assert hot.rotate(session, 0).outcome is ROTATED
    with hot.server.client() as client:
        client.script_flush()
    assert hot.revoke(RevocationKind.SESSION, session.session_id) == 1


def test_all_keys_of_a_script_share_a_slot(hot: Hot) -> None:
    session = hot.open(a_session())
    hot.revoke(RevocationKind.SESSION, session.session_id)
    hot.revoke(RevocationKind.ACCOUNT, session.account_id, epoch=1)
    hot.revoke(RevocationKind.TOKEN, new_token_id(account_partition(session.account_id)))
    fence_slot = key_slot(keys.of_session(session.session_id).fence)
    with hot.server.client() as client:
        others = [key for key in client.keys("*") if not key.startswith(b"g{")]
    assert len(others) == 5
    assert {key_slot(key) for key in others} == {fence_slot}


def test_a_session_of_a_strange_partition_is_refused(hot: Hot) -> None:
    session = a_session()
    strange = new_session_id(account_partition(session.account_id) ^ 1)
    with pytest.raises(ValueError, match="partition"):
        hot.sessions.open(replace(session, session_id=strange), limit=1, now=NOW)


def test_p_flt_1_a_full_redis_refuses_and_writes_nothing(doomed: Hot) -> None:
    session = doomed.open(a_session(), limit=1)
    record = keys.of_session(session.session_id).record
    with doomed.server.client() as client:
        before = client.get(record)
        client.config_set("maxmemory", "1mb")
        with pytest.raises(StoreUnavailable):
            doomed.sessions.open(a_session(session.account_id), limit=1, now=NOW)
        with pytest.raises(StoreUnavailable):
            doomed.rotate(session, 0)
        with pytest.raises(StoreUnavailable):
            doomed.revoke(RevocationKind.SESSION, session.session_id)
        assert client.get(record) == before
        assert not client.exists(keys.of_session(session.session_id).mark)
        client.config_set("maxmemory", "0")
    assert doomed.rotate(session, 0).outcome is ROTATED


def test_two_processes_share_the_sessions(hot: Hot) -> None:
    other = connect(hot.server)
    session = hot.open(a_session())

    assert other.rotate(session, 0).outcome is ROTATED
    assert hot.rotate(session, 1).outcome is ROTATED
    assert (hot.restores, other.restores) == (1, 1)
    other.connection.close()
