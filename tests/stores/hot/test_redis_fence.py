"""A Redis that lost its data, was swapped or stands still is never taken at its word."""

import shutil
import signal
import time
from datetime import timedelta

import pytest

from authsvc.domain.identifiers import account_partition, new_token_id
from authsvc.domain.revocation import TokenNames
from authsvc.domain.sessions import RotationOutcome, Session
from authsvc.errors import StoreUnavailable
from authsvc.stores.redis import keys
from authsvc.verify.revocations import RevocationKind
from tests.stores.hot.process import NOW, Hot, a_session, connect


def _names(session: Session) -> TokenNames:
    return TokenNames(
        token_id=new_token_id(account_partition(session.account_id)),
        session_id=session.session_id,
        account_id=session.account_id,
    )


def test_nothing_is_trusted_before_the_first_restore(hot: Hot) -> None:
    hot.connection.on_distrust = None
    with pytest.raises(StoreUnavailable):
        hot.sessions.find(a_session().session_id, now=NOW)


def test_p_flt_2_an_emptied_redis_is_restored_before_it_answers(hot: Hot) -> None:
    session = hot.open(a_session())
    hot.revoke(RevocationKind.SESSION, session.session_id)
    with hot.server.client() as client:
        client.flushall()

    marks = hot.marks.check([_names(session)])

    assert marks[0].session_revoked
    assert marks[0].revision == 1
    assert hot.restores == 2


def test_p_flt_2_a_redis_that_restarts_empty_is_restored(doomed: Hot) -> None:
    session = doomed.open(a_session())
    doomed.revoke(RevocationKind.ACCOUNT, session.account_id, epoch=3)
    doomed.server.kill()
    doomed.server.empty()
    doomed.server.start()

    assert doomed.marks.check([_names(session)])[0].epoch == 3
    assert doomed.sessions.open(session, limit=1, now=NOW) is None
    assert doomed.restores == 2


def test_p_flt_2_an_old_copy_with_the_right_fence_is_restored(doomed: Hot) -> None:
    session = doomed.open(a_session())
    doomed.server.kill()
    copy = doomed.server.directory.with_suffix(".old")
    shutil.copytree(doomed.server.directory, copy, ignore=shutil.ignore_patterns("s"))
    try:
        doomed.server.start()
        doomed.revoke(RevocationKind.SESSION, session.session_id)
        doomed.server.kill()
        doomed.server.empty()
        shutil.copytree(copy, doomed.server.directory, dirs_exist_ok=True)
    finally:
        shutil.rmtree(copy)
    doomed.server.start()

    assert doomed.rotate(session, 0).outcome is RotationOutcome.UNKNOWN
    assert doomed.marks.check([_names(session)])[0].session_revoked


def test_p_dur_1_sessions_survive_a_killed_redis(doomed: Hot) -> None:
    session = doomed.open(a_session())
    doomed.rotate(session, 0)
    doomed.server.kill()
    with pytest.raises(StoreUnavailable):
        doomed.sessions.find(session.session_id, now=NOW)
    doomed.server.start()

    found = doomed.sessions.find(session.session_id, now=NOW)

    assert found is not None
    assert found.generation == 1
    assert doomed.restores == 2


def test_a_restore_is_void_if_redis_restarts_meanwhile(doomed: Hot) -> None:
    mark = doomed.fence.begin_restore()
    doomed.server.kill()
    doomed.server.start()
    with doomed.server.client() as client:
        assert client.exists(keys.restore(0, mark))

    assert not doomed.fence.set_fence(b"fence", restore=mark)
    doomed.connection.on_distrust = None
    with pytest.raises(StoreUnavailable):
        doomed.sessions.find(a_session().session_id, now=NOW)


def test_a_restore_is_void_if_redis_is_emptied_meanwhile(hot: Hot) -> None:
    mark = hot.fence.begin_restore()
    with hot.server.client() as client:
        client.flushall()

    assert not hot.fence.set_fence(b"fence", restore=mark)


def test_restores_of_two_processes_do_not_disturb_each_other(hot: Hot) -> None:
    other = connect(hot.server)
    one, two = hot.fence.begin_restore(), other.fence.begin_restore()

    assert hot.fence.set_fence(b"fence", restore=one)
    assert other.fence.set_fence(b"fence", restore=two)
    other.connection.close()


def test_another_fence_makes_every_process_restore(hot: Hot) -> None:
    hot.open(a_session())
    other = connect(hot.server)
    mark = other.fence.begin_restore()
    assert other.fence.set_fence(b"a new fence", restore=mark)

    hot.open(a_session())

    assert hot.restores == 2
    other.connection.close()


def test_p_flt_1_a_redis_that_stands_still_is_unavailable_in_time_and_heals(doomed: Hot) -> None:
    session = doomed.open(a_session())
    doomed.server.signal(signal.SIGSTOP)
    for _ in range(2):
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            doomed.rotate(session, 0)
        assert time.monotonic() - begin < 2.5
        assert caught.value.retry_after == timedelta(seconds=1)
    doomed.server.signal(signal.SIGCONT)

    assert doomed.sessions.find(session.session_id, now=NOW) is not None


def test_p_obs_1_an_error_tells_no_address(doomed: Hot) -> None:
    doomed.server.kill()
    with pytest.raises(StoreUnavailable) as caught:
        doomed.connection.ping()
    assert str(doomed.server.directory) not in str(caught.value)
    doomed.server.start()
