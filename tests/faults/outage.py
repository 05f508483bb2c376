"""How the tests of outages ask: every call must end in time, and say that the store is to blame."""

import time
from collections.abc import Callable
from functools import partial

import grpc
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import RevokeTokenRequest, VerifyTokenRequest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from tests.service import PASSWORD, Service, reason

SERVER_DEADLINE = 10.0
"""Seconds; the default of AUTHSVC_SERVER_DEADLINE."""

Ask = Callable[[], object]


def login(service: Service, username: str) -> Ask:
    """Give a login."""
    return partial(service.auth.Login, LoginRequest(identifier=username, password=PASSWORD))


def refresh(service: Service, tokens: TokenSet) -> Ask:
    """Give a refresh."""
    request = RefreshRequest(refresh_token=tokens.refresh_token)
    return partial(service.auth.Refresh, request)


def verify(service: Service, tokens: TokenSet) -> Ask:
    """Give a verification."""
    request = VerifyTokenRequest(access_token=tokens.access_token)
    return partial(service.token.VerifyToken, request)


def revoke(service: Service, tokens: TokenSet) -> Ask:
    """Give the revocation of an access token."""
    request = RevokeTokenRequest(token=tokens.access_token)
    return partial(service.token.RevokeToken, request)


def assert_unavailable(ask: Ask) -> None:
    """Ask, and expect to hear in time that a store does not answer, and when to ask again."""
    started = time.monotonic()
    try:
        answer = ask()
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE, error
        assert reason(error) == "STORE_UNAVAILABLE"
        assert _retry_seconds(error) > 0
    else:
        raise AssertionError(answer)
    assert time.monotonic() - started < SERVER_DEADLINE


def _retry_seconds(error: grpc.RpcError) -> float:
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return 0.0


def is_serving(channel: grpc.Channel, name: str = "") -> bool:
    """Ask the health service."""
    answer = HealthStub(channel).Check(HealthCheckRequest(service=name), timeout=5)
    return bool(answer.status == HealthCheckResponse.SERVING)


def seconds_until(holds: Callable[[], bool], *, at_most: float) -> float:
    """Wait until something is true, and say how long it took."""
    started = time.monotonic()
    while not holds():
        waited = time.monotonic() - started
        assert waited < at_most, f"not within {at_most} s"
        time.sleep(0.05)
    return time.monotonic() - started


def succeeds(ask: Ask) -> bool:
    """Say whether a call is answered."""
    try:
        ask()
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE, error
        return False
    return True
