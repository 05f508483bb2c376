"""A store that is stopped or dead is UNAVAILABLE in time, health tells, and it heals (P-FLT-1)."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from authn.v1.auth_service_pb2 import RefreshRequest
from authn.v1.token_service_pb2 import IntrospectTokenRequest

from tests.faults.outage import (
    assert_unavailable,
    is_serving,
    login,
    refresh,
    revoke,
    seconds_until,
    succeeds,
    verify,
)
from tests.servers.sql import Server as SqlServer
from tests.servers.sql import postgres_server
from tests.service import Service, running
from tests.stores.hot.servers import Server, valkey

pytestmark = [
    pytest.mark.slow,
    # Drivers leave what they could not finish opening to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

_TOKENS = "authn.v1.TokenService"
_AUTH = "authn.v1.AuthService"


@pytest.fixture(name="redis")
def _redis() -> Iterator[Server]:
    with valkey() as server:
        yield server


@pytest.fixture(name="postgres")
def _postgres() -> Iterator[SqlServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_p_flt_1_redis_that_does_not_answer_is_unavailable_and_heals(
    redis: Server, tmp_path: Path, how: signal.Signals
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        registered = service.register()
        username, tokens = registered.account.username, registered.tokens
        seconds_until(lambda: is_serving(service.channel, _TOKENS), at_most=3)

        redis.signal(how)
        seconds_until(lambda: not is_serving(service.channel, _TOKENS), at_most=3)
        for ask in (
            login(service, username),
            refresh(service, tokens),
            verify(service, tokens),
            revoke(service, tokens),
        ):
            assert_unavailable(ask)
        assert not is_serving(service.channel, _AUTH)

        if how == signal.SIGSTOP:
            redis.signal(signal.SIGCONT)
        else:
            redis.kill()
            redis.start()
        seconds_until(lambda: succeeds(login(service, username)), at_most=5)
        refresh(service, tokens)()
        seconds_until(lambda: is_serving(service.channel, _TOKENS), at_most=5)
        seconds_until(lambda: is_serving(service.channel, _AUTH), at_most=5)


def test_p_flt_1_sql_that_does_not_answer_is_unavailable_and_heals(
    redis: Server, postgres: SqlServer, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=redis.url, database_url=postgres.url) as service:
        registered = service.register()
        username, tokens = registered.account.username, registered.tokens
        seconds_until(lambda: is_serving(service.channel, _AUTH), at_most=3)

        postgres.stand_still()
        try:
            assert_unavailable(login(service, username))
            assert_unavailable(revoke(service, tokens))
            # What needs no SQL goes on.
            verify(service, tokens)()
            tokens = service.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token)).tokens
            seconds_until(lambda: not is_serving(service.channel, _AUTH), at_most=6)
            assert is_serving(service.channel, _TOKENS)
        finally:
            postgres.go_on()

        seconds_until(lambda: succeeds(login(service, username)), at_most=5)
        revoke(service, tokens)()
        seconds_until(lambda: is_serving(service.channel, _AUTH), at_most=5)


def test_p_flt_1_health_tells_of_redis_in_time_while_sql_does_not_answer_either(
    redis: Server, postgres: SqlServer, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=redis.url, database_url=postgres.url) as service:
        seconds_until(lambda: is_serving(service.channel), at_most=3)
        postgres.stand_still()
        try:
            seconds_until(lambda: not is_serving(service.channel, _AUTH), at_most=6)
            redis.signal(signal.SIGSTOP)
            seconds_until(lambda: not is_serving(service.channel, _TOKENS), at_most=3)
        finally:
            redis.signal(signal.SIGCONT)
            postgres.go_on()
        seconds_until(lambda: is_serving(service.channel), at_most=8)


def test_p_rev_7_a_redis_without_memory_acknowledges_no_revocation(
    redis: Server, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service, redis.client() as client:
        registered = service.register()
        tokens = registered.tokens
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")

        assert_unavailable(revoke(service, tokens))
        assert_unavailable(login(service, registered.account.username))

        client.config_set("maxmemory", "0")
        revoke(service, tokens)()
        assert not _is_active(service, tokens.access_token)


def _is_active(service: Service, access_token: str) -> bool:
    return service.token.IntrospectToken(IntrospectTokenRequest(token=access_token)).active
