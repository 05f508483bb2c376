"""Slow, silent and broken connections: in time, nobody else's answer, nothing half (P-FLT-1, 3)."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import GetAccountRequest
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterResponse
from authn.v1.session_service_pb2 import ListSessionsRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest
from sqlalchemy.engine import make_url

from tests.faults.outage import (
    assert_unavailable,
    login,
    refresh,
    revoke,
    seconds_until,
    succeeds,
    verify,
)
from tests.faults.proxy import Proxy, proxy
from tests.servers.sql import postgres_server
from tests.service import PASSWORD, Service, bearer, reason, running
from tests.stores.hot.servers import valkey

pytestmark = [
    pytest.mark.slow,
    # Drivers leave what they could not finish opening to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(name="redis")
def _redis() -> Iterator[Proxy]:
    """A proxy in front of a Valkey."""
    with valkey() as server, proxy(server.directory / "s") as between:
        yield between


@pytest.fixture(name="postgres")
def _postgres() -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of a PostgreSQL, and the URL of the database through it."""
    with postgres_server() as server:
        url = make_url(server.url)
        with proxy(Path(str(url.query["host"])) / ".s.PGSQL.5432") as between:
            through = url.set(host="127.0.0.1", port=between.port, query={"sslmode": "disable"})
            yield between, through.render_as_string(hide_password=False)


def _url(between: Proxy) -> str:
    return f"redis://127.0.0.1:{between.port}"


@pytest.mark.parametrize("fault", ["slow", "silent", "cut"])
def test_p_flt_1_a_bad_line_to_redis_is_unavailable_and_heals(
    redis: Proxy, tmp_path: Path, fault: str
) -> None:
    with running(data=tmp_path, redis_url=_url(redis)) as service:
        registered = service.register()
        username, tokens = registered.account.username, registered.tokens

        _break(redis, fault)
        for ask in (login(service, username), refresh(service, tokens)):
            assert_unavailable(ask)
        lease = service.app.revoking.replica.lease
        seconds_until(lambda: not lease.holds(), at_most=10)
        assert_unavailable(verify(service, tokens))
        redis.heal()

        seconds_until(lambda: succeeds(verify(service, tokens)), at_most=5)
        login(service, username)()


@pytest.mark.parametrize("fault", ["slow", "silent", "cut"])
def test_p_flt_1_a_bad_line_to_postgresql_is_unavailable_and_heals(
    redis: Proxy, postgres: tuple[Proxy, str], tmp_path: Path, fault: str
) -> None:
    sql, url = postgres
    with running(data=tmp_path, redis_url=_url(redis), database_url=url) as service:
        registered = service.register()
        username, tokens = registered.account.username, registered.tokens

        _break(sql, fault)
        assert_unavailable(revoke(service, tokens))
        assert_unavailable(login(service, username))
        verify(service, tokens)()
        sql.heal()

        seconds_until(lambda: succeeds(login(service, username)), at_most=5)
        revoke(service, tokens)()


def _break(between: Proxy, fault: str) -> None:
    if fault == "slow":
        between.delay = 2.5
    elif fault == "silent":
        between.silent = True
    else:
        between.cut_after = 3


class _Person:
    """Somebody who asks of itself what can be told from an answer to another."""

    def __init__(self, service: Service, registered: RegisterResponse) -> None:
        self._service = service
        self._account = registered.account
        self._tokens = registered.tokens
        self.answers = 0

    def ask(self, choice: random.Random) -> None:
        """Ask something; the answer must be its own, or that there is none now."""
        call = choice.choice([self._verify, self._refresh, self._login, self._sessions, self._read])
        try:
            call()
        except grpc.RpcError as error:
            assert reason(error) == "STORE_UNAVAILABLE", error
        else:
            self.answers += 1

    def _verify(self) -> None:
        request = VerifyTokenRequest(access_token=self._tokens.access_token)
        claims = self._service.token.VerifyToken(request).claims
        assert (claims.subject, claims.session_id) == (
            self._account.account_id,
            self._tokens.session_id,
        )

    def _refresh(self) -> None:
        request = RefreshRequest(refresh_token=self._tokens.refresh_token)
        tokens = self._service.auth.Refresh(request).tokens
        assert tokens.session_id == self._tokens.session_id
        self._tokens = tokens

    def _login(self) -> None:
        request = LoginRequest(identifier=self._account.username, password=PASSWORD)
        self._tokens = self._service.auth.Login(request).tokens

    def _sessions(self) -> None:
        request = ListSessionsRequest(account_id=self._account.account_id)
        sessions = self._service.session.ListSessions(request).sessions
        assert {session.account_id for session in sessions} == {self._account.account_id}

    def _read(self) -> None:
        metadata = bearer(self._tokens.access_token)
        answer = self._service.account.GetAccount(GetAccountRequest(), metadata=metadata)
        assert answer.account.username == self._account.username


def test_p_flt_3_nobody_gets_anothers_answer_while_connections_are_cut(
    redis: Proxy, postgres: tuple[Proxy, str], tmp_path: Path
) -> None:
    sql, url = postgres
    with running(data=tmp_path, redis_url=_url(redis), database_url=url) as service:
        people = [_Person(service, service.register()) for _ in range(8)]
        stop = threading.Event()
        cutting = threading.Thread(target=_cut_now_and_then, args=((redis, sql), stop))
        cutting.start()
        try:
            with ThreadPoolExecutor(len(people)) as pool:
                for result in [pool.submit(_ask_often, person) for person in people]:
                    result.result()
        finally:
            stop.set()
            cutting.join()
            redis.heal()
            sql.heal()

        assert all(person.answers > 0 for person in people)
        for person in people:
            before = person.answers
            seconds_until(lambda p=person, b=before: _asked(p) > b, at_most=5)


def _ask_often(person: _Person) -> None:
    choice = random.Random(id(person))
    for _ in range(40):
        person.ask(choice)


def _asked(person: _Person) -> int:
    person.ask(random.Random(0))
    return person.answers


def _cut_now_and_then(proxies: tuple[Proxy, ...], stop: threading.Event) -> None:
    """Cut all connections, or let the next answers through only in part."""
    choice = random.Random(1)
    while not stop.wait(choice.uniform(0.02, 0.1)):
        between = choice.choice(proxies)
        act: Callable[[], None] = choice.choice([between.cut_all, lambda b=between: _maim(b)])
        act()


def _maim(between: Proxy) -> None:
    between.cut_after = 5
    threading.Event().wait(0.01)
    between.cut_after = None
