"""A restarted, emptied or restored Redis brings nothing back to life (P-REF-4, P-FLT-2)."""

import shutil
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import DisableAccountRequest
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.token_service_pb2 import RevokeTokenRequest

from tests.promises.asking import is_dead, refresh, refresh_refusal, verify_refusal
from tests.service import Service, reason, running
from tests.stores.hot.servers import Server


def test_p_ref_4_reuse_is_seen_by_a_service_that_was_restarted(
    own_redis: Server, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        tokens = service.register().tokens
        second = refresh(service, tokens.refresh_token)
        third = refresh(service, second.refresh_token)

    with running(data=tmp_path, redis_url=own_redis.url) as service:
        assert refresh_refusal(service, tokens.refresh_token) == "INVALID_GRANT"
        assert is_dead(service, third)


def test_p_ref_4_reuse_is_seen_after_redis_was_killed(own: Service, own_redis: Server) -> None:
    tokens = own.register().tokens
    second = refresh(own, tokens.refresh_token)
    third = refresh(own, second.refresh_token)

    own_redis.kill()
    own_redis.start()

    assert refresh_refusal(own, tokens.refresh_token) == "INVALID_GRANT"
    assert is_dead(own, third)


@pytest.mark.parametrize("restarted", [False, True], ids=["flushed", "restarted empty"])
def test_p_flt_2_an_emptied_redis_denies_refresh_and_forgets_no_revocation(
    own: Service, own_redis: Server, restarted: bool
) -> None:
    registered = own.register()
    revoked, kept = own.login(registered.account.username), registered.tokens
    own.token.RevokeToken(RevokeTokenRequest(token=revoked.access_token))

    if restarted:
        own_redis.kill()
        own_redis.empty()
        own_redis.start()
    else:
        with own_redis.client() as client:
            client.flushall()

    assert verify_refusal(own, revoked.access_token) == "TOKEN_INACTIVE"
    assert verify_refusal(own, kept.access_token) == ""
    assert refresh_refusal(own, kept.refresh_token) == "INVALID_GRANT"
    fresh = own.login(registered.account.username)
    assert refresh(own, fresh.refresh_token).session_id == fresh.session_id


def test_p_flt_2_a_redis_restored_from_an_old_copy_brings_nothing_back(
    own: Service, own_redis: Server, tmp_path: Path
) -> None:
    registered, disabled = own.register(), own.register()
    advanced = own.login(registered.account.username)
    by_token = own.login(registered.account.username)
    copy = _copy_of(own_redis, tmp_path / "copy")

    newest = refresh(own, refresh(own, advanced.refresh_token).refresh_token)
    own.session.RevokeSession(RevokeSessionRequest(session_id=registered.tokens.session_id))
    own.token.RevokeToken(RevokeTokenRequest(token=by_token.access_token))
    own.account.DisableAccount(DisableAccountRequest(account_id=disabled.account.account_id))
    _restore(own_redis, copy)

    assert is_dead(own, registered.tokens)
    assert is_dead(own, disabled.tokens)
    assert verify_refusal(own, by_token.access_token) == "TOKEN_INACTIVE"
    moved = refresh(own, newest.refresh_token)
    assert moved.session_id == advanced.session_id
    assert refresh(own, moved.refresh_token).refresh_token != moved.refresh_token
    assert refresh_refusal(own, advanced.refresh_token) == "INVALID_GRANT"
    assert is_dead(own, moved)


def test_p_flt_2_a_login_in_a_lost_suffix_can_only_be_repeated(
    own: Service, own_redis: Server, tmp_path: Path
) -> None:
    registered = own.register()
    copy = _copy_of(own_redis, tmp_path / "copy")
    lost = own.login(registered.account.username)
    _restore(own_redis, copy)

    with pytest.raises(grpc.RpcError) as refused:
        refresh(own, lost.refresh_token)

    assert reason(refused.value) == "INVALID_GRANT"
    assert refresh(own, registered.tokens.refresh_token).session_id == registered.tokens.session_id


def _copy_of(server: Server, directory: Path) -> Path:
    """Copy what the running server has on disk; it is written before each answer."""
    ignored = shutil.ignore_patterns("s")
    shutil.copytree(server.directory, directory, ignore=ignored)
    return directory


def _restore(server: Server, copy: Path) -> None:
    server.kill()
    server.empty()
    shutil.copytree(copy, server.directory, dirs_exist_ok=True)
    server.start()
