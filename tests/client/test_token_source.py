"""Tokens for calls to other services, against the service itself (P-REF-2)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from authn.v1.auth_service_pb2 import LogoutRequest
from authn.v1.token_pb2 import TokenSet

from authsvc.client import token_source as module
from authsvc.client.token_source import TokenSource, call_credentials
from authsvc.errors import StoreUnavailable
from tests.service import Service


class _LoseAnswers(grpc.UnaryUnaryClientInterceptor):
    """Lets refreshes happen, and loses the answers of the first ones."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.refreshes = 0

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        answer = continuation(details, request)
        self.refreshes += 1
        if self.left:
            answer.result()
            self.left -= 1
            raise _Lost
        return answer


class _Lost(grpc.RpcError, grpc.Call):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def __getattr__(self, name: str) -> Any: ...


_Lost.__abstractmethods__ = frozenset()


def _logins(service: Service) -> tuple[Callable[[], TokenSet], list[TokenSet]]:
    username = service.register().account.username
    made: list[TokenSet] = []

    def login() -> TokenSet:
        made.append(service.login(username))
        return made[-1]

    return login, made


def _later(monkeypatch: pytest.MonkeyPatch, tokens: TokenSet, before_end: float) -> None:
    moment = tokens.access_token_expire_time.seconds - before_end
    monkeypatch.setattr(module.time, "time", lambda: moment)


def test_a_token_is_kept_until_shortly_before_its_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, made = _logins(service)
    source = TokenSource(service.channel, login=login)
    first = source.token()
    assert source.token() == first

    _later(monkeypatch, made[0], 59)
    second = source.token()
    assert second != first
    assert len(made) == 1


def test_of_racing_threads_one_refreshes(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    login, made = _logins(service)
    counting = _LoseAnswers(0)
    source = TokenSource(grpc.intercept_channel(service.channel, counting), login=login)
    source.token()
    _later(monkeypatch, made[0], -1)  # it has ended: all must wait for the new one
    monkeypatch.setattr(
        module,
        "_end",
        lambda tokens, real=module._end: real(tokens) + (600 if tokens is not made[0] else 0),
    )
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: source.token(), range(64)))
    assert len(tokens) == 1
    assert counting.refreshes == 1


def test_p_ref_2_a_lost_answer_is_asked_for_once_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, made = _logins(service)
    losing = _LoseAnswers(1)
    source = TokenSource(grpc.intercept_channel(service.channel, losing), login=login)
    first = source.token()
    _later(monkeypatch, made[0], 59)

    assert source.token() != first
    assert losing.refreshes == 2
    assert len(made) == 1


def test_while_the_server_is_away_the_old_token_serves_until_its_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, made = _logins(service)
    losing = _LoseAnswers(1000)
    source = TokenSource(grpc.intercept_channel(service.channel, losing), login=login)
    first = source.token()
    _later(monkeypatch, made[0], 59)
    assert source.token() == first
    assert source.token() == first
    assert losing.refreshes == 2
    _later(monkeypatch, made[0], 0)
    with pytest.raises(StoreUnavailable):
        source.token()


def test_a_session_that_ended_is_opened_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, made = _logins(service)
    source = TokenSource(service.channel, login=login)
    source.token()
    service.auth.Logout(LogoutRequest(refresh_token=made[0].refresh_token))
    _later(monkeypatch, made[0], 59)

    assert source.token() == made[1].access_token


def test_calls_of_a_channel_carry_the_token(service: Service) -> None:
    login, made = _logins(service)
    seen: list[str] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.extend(str(v) for k, v in context.invocation_metadata() if k == "authorization")
        return request

    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"x": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
    local = grpc.LocalConnectionType.LOCAL_TCP
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials(local))
    server.start()
    credentials = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(local),
        call_credentials(TokenSource(service.channel, login=login)),
    )
    try:
        with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            channel.unary_unary("/t.T/x")(b"x", timeout=20)
    finally:
        server.stop(0).wait()
    assert seen == [f"Bearer {made[0].access_token}"]
