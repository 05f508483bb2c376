"""What the tests of the promises ask a service, and how they read its answers."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import grpc
from authn.v1.auth_service_pb2 import RefreshRequest
from authn.v1.token_pb2 import TokenClaims, TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest

from tests.service import Service, reason
from tests.stores.races import at_once


class Pair(NamedTuple):
    """Two services on the same stores."""

    first: Service
    second: Service


def refresh(service: Service, token: str) -> TokenSet:
    """Continue a session."""
    return service.auth.Refresh(RefreshRequest(refresh_token=token)).tokens


def verify(service: Service, access_token: str, *, min_revision: int = 0) -> TokenClaims:
    """Give the claims of an active token."""
    request = VerifyTokenRequest(access_token=access_token, min_revision=min_revision)
    return service.token.VerifyToken(request).claims


def refresh_refusal(service: Service, token: str) -> str:
    """Give the reason for which a refresh is refused; "" if it is not."""
    try:
        refresh(service, token)
    except grpc.RpcError as error:
        return reason(error)
    return ""


def verify_refusal(service: Service, access_token: str, *, min_revision: int = 0) -> str:
    """Give the reason for which a token is refused; "" if it is not."""
    try:
        verify(service, access_token, min_revision=min_revision)
    except grpc.RpcError as error:
        return reason(error)
    return ""


def is_dead(service: Service, tokens: TokenSet) -> bool:
    """Say whether neither token of a session is worth anything."""
    return (
        verify_refusal(service, tokens.access_token) == "TOKEN_INACTIVE"
        and refresh_refusal(service, tokens.refresh_token) == "INVALID_GRANT"
    )


def events(service: Service, kind: str) -> int:
    """Count the security events of a kind so far, as the metrics do."""
    lines = [
        line for line in metrics(service).splitlines() if line.startswith("authsvc_events_total{")
    ]
    return sum(int(float(line.split()[-1])) for line in lines if f'type="{kind}"' in line)


def metrics(service: Service) -> str:
    """Give all metrics."""
    environment = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}
    answer = service.app.http_application()(environment, lambda *_: lambda _: None)
    return b"".join(answer).decode()


def refusal(call: Callable[[], object]) -> str:
    """Give the reason for which a call is refused; "" if it is not."""
    try:
        call()
    except grpc.RpcError as error:
        return reason(error)
    return ""


def reasons(calls: list[Callable[[], object]]) -> list[str]:
    """Call all at once; give the reason for which each is refused."""
    outcomes = at_once([partial(refusal, call) for call in calls])
    assert all(isinstance(outcome, str) for outcome in outcomes)
    return [str(outcome) for outcome in outcomes]
