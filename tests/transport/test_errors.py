"""What a caller is told of a failure: always a reason, never more than it may know."""

import ast
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.error_reason_pb2 import ErrorReason
from authn.v1.token_service_pb2 import GetJwksResponse
from authn.v1.token_service_pb2_grpc import (
    TokenServiceServicer,
    add_TokenServiceServicer_to_server,
)
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

import authsvc
from authsvc.domain.calling_service import CallingService
from authsvc.errors import AuthError, RetryableError
from authsvc.metrics import Metrics
from authsvc.transport.access import access_rules
from authsvc.transport.callers import Callers
from authsvc.transport.interceptors import CallInterceptor
from authsvc.transport.server import CONCURRENCY, SERVICES
from authsvc.transport.status import DOMAIN, INTERNAL, SPECS, status_of
from authsvc.transport.streams import Streams
from authsvc.transport.trace_context import Untraced
from authsvc.verify.claims import Claims
from tests.porch.processes import eventually
from tests.service import PASSWORD, Service, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import METHODS, refused, request_of, send

NEVER_SENT = {"UNSPECIFIED"}

CANARY = "canary-7c0ffee"


def leaves(root: type[AuthError] = AuthError) -> set[type[AuthError]]:
    below = root.__subclasses__()
    return set().union(*map(leaves, below)) if below else {root}


def raised_names() -> set[str]:
    """Every error that some line of the package raises."""
    names = set()
    for file in Path(authsvc.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                names.add(getattr(raised, "id", getattr(raised, "attr", "")))
    return names


def test_every_error_of_the_domain_has_a_public_face_and_none_is_left_over() -> None:
    assert set(SPECS) == leaves()


def test_every_reason_stands_for_one_error_and_every_error_for_one_reason() -> None:
    reasons = [spec.info.reason for spec in (*SPECS.values(), INTERNAL)]
    declared = {
        name.removeprefix("ERROR_REASON_") for name in ErrorReason.DESCRIPTOR.values_by_name
    }

    assert len(reasons) == len(set(reasons))
    assert set(reasons) == declared - NEVER_SENT


def test_every_error_can_happen() -> None:
    assert {leaf.__name__ for leaf in leaves()} <= raised_names()


@pytest.mark.parametrize("error", sorted(SPECS, key=lambda e: e.__name__))
def test_every_error_carries_error_info_and_never_its_own_text(error: type[AuthError]) -> None:
    made = error.__new__(error)
    Exception.__init__(made, CANARY)
    made.violations, made.retry_after = (), timedelta(seconds=2)  # type: ignore[attr-defined]
    status = status_of(made)
    packed = dict(status.trailing_metadata)["grpc-status-details-bin"]

    assert SPECS[error].info.SerializeToString() in packed
    assert SPECS[error].info.domain == DOMAIN
    assert CANARY.encode() not in packed
    assert CANARY not in status.details
    assert (b"RetryInfo" in packed) == issubclass(error, RetryableError)


def test_bad_request_names_every_field_that_is_wrong(service: Service) -> None:
    request = RegisterRequest(
        username="-",
        email="no address",
        password="",
        audience="a b",
        scopes=["a", "a b", "a"],
        client={"ip_address": "1.2.3", "user_agent": "x" * 513},
    )
    refusal = refused(lambda: service.auth.Register(request))

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "INVALID_REQUEST"
    expected = ("username", "email", "password", "audience", "scopes", "scopes[1]")
    assert set(refusal.fields) == {*expected, "client.ip_address", "client.user_agent"}


def test_bad_request_says_all_that_is_wrong_with_a_new_password(service: Service) -> None:
    request = RegisterRequest(username="errors-pw", password="a\tb")
    refusal = refused(lambda: service.auth.Register(request))
    assert refusal.reason == "PASSWORD_REJECTED"
    assert refusal.fields == ("password",) * 2


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_store_that_does_not_answer_is_unavailable_with_retry_info(
    name: str, stopped: Service
) -> None:
    if name not in {"Login", "Register", "Refresh", "VerifyToken", "RevokeSession", "GetSession"}:
        return
    fields = {
        "Login": {"identifier": "a", "password": "b"},
        "Register": {"username": "a", "password": PASSWORD},
        "Refresh": {"refresh_token": _TOKENS[stopped.address][1]},
        "VerifyToken": {"access_token": _TOKENS[stopped.address][0]},
    }.get(name, {"session_id": "A" * 22})
    refusal = refused(lambda: send(stopped.channel, name, request_of(name, **fields)))

    assert refusal.code is grpc.StatusCode.UNAVAILABLE
    assert refusal.reason == "STORE_UNAVAILABLE"
    assert refusal.retry_after is not None
    assert refusal.retry_after > timedelta(0)
    assert "redis" not in refusal.message.lower()
    assert "/tmp" not in refusal.message


_TOKENS: dict[str, tuple[str, str]] = {}


@pytest.fixture(name="stopped", scope="session")
def _stopped(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose Redis is gone."""
    data = Path(tmp_path_factory.mktemp("stopped"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        tokens = service.register().tokens
        _TOKENS[service.address] = tokens.access_token, tokens.refresh_token
        server.kill()
        eventually(lambda: not service.app.revoking.replica.lease.holds())
        yield service


class _Faulty(TokenServiceServicer):
    """Fails in ways that nobody foresaw."""

    def GetJwks(self, _request: object, _: grpc.ServicerContext) -> object:
        raise RuntimeError(CANARY)

    def RevokeToken(self, _request: object, _: grpc.ServicerContext) -> object:
        raise RetryableError(CANARY)  # not a leaf: it has no public face

    def VerifyToken(self, _request: object, _: grpc.ServicerContext) -> object:
        return object()  # not a message


class _NoServices:
    def by_api_key(self, api_key: str) -> CallingService:
        raise AssertionError

    def by_token(self, claims: Claims) -> CallingService:
        raise AssertionError


class _Slow(TokenServiceServicer):
    """Counts how many of its calls are worked on at once."""

    def __init__(self) -> None:
        self.peak = 0
        self._now = 0
        self._counting = threading.Lock()

    def GetJwks(self, _request: object, _: grpc.ServicerContext) -> GetJwksResponse:
        with self._counting:
            self._now += 1
            self.peak = max(self.peak, self._now)
        time.sleep(0.05)
        with self._counting:
            self._now -= 1
        return GetJwksResponse()


@contextmanager
def surrounded(
    servicer: TokenServiceServicer, *, concurrency: int = CONCURRENCY
) -> Iterator[grpc.Channel]:
    """Serve with the interceptor of production."""

    def verify(_: str) -> object:
        raise AssertionError

    metrics = Metrics(METHODS)
    interceptor = CallInterceptor(
        rules=access_rules(SERVICES),
        callers=Callers(
            services=_NoServices(),
            verify_assertion=verify,  # type: ignore[arg-type]
            verify=verify,  # type: ignore[arg-type]
            trust_loopback=True,
            require_caller=False,
        ),
        metrics=metrics,
        streams=Streams(count=metrics.count),
        tracing=Untraced(),
        deadline=timedelta(seconds=5),
        max_metadata_bytes=16384,
        concurrency=concurrency,
    )
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[interceptor])
    add_TokenServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        server.stop(0).wait()


def test_p_api_1_no_more_calls_are_worked_on_at_once_than_are_to_be() -> None:
    slow = _Slow()
    with surrounded(slow, concurrency=2) as channel, ThreadPoolExecutor(8) as clients:
        for answer in [clients.submit(send, channel, "GetJwks") for _ in range(16)]:
            answer.result()
    assert slow.peak == 2


@pytest.mark.parametrize("name", ["GetJwks", "RevokeToken", "VerifyToken"])
def test_what_nobody_foresaw_is_internal_and_its_text_stays_here(name: str) -> None:
    logging.getLogger("grpc").disabled = True
    with surrounded(_Faulty()) as channel:
        refusal = refused(lambda: send(channel, name))
    logging.getLogger("grpc").disabled = False

    assert refusal.code is grpc.StatusCode.INTERNAL
    assert CANARY not in refusal.message
    assert CANARY.encode() not in refusal.raw
    if name != "VerifyToken":  # which fails in grpcio, when the answer is written
        assert refusal.reason == "INTERNAL"


def test_what_nobody_foresaw_can_be_found_in_the_log_by_what_the_caller_is_told() -> None:
    with surrounded(_Faulty()) as channel, pytest.raises(grpc.RpcError) as caught:
        send(channel, "GetJwks", metadata=(("x-correlation-id", "order-47"),))
    info = ErrorInfo()
    status = rpc_status.from_call(caught.value)
    assert status is not None
    assert status.details[0].Unpack(info)
    assert dict(info.metadata) == {"correlation_id": "order-47"}
