"""Asks what Envoy asks: `envoy.service.auth.v3.Authorization/Check`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from authsvc.transport.ext_authz.messages import CheckRequest, CheckResponse

CHECK = "/envoy.service.auth.v3.Authorization/Check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a request."""

    status: int
    """Of HTTP; 200 if it is let through."""
    headers: Mapping[str, str]
    """What is set: in the request if it is let through, else in the response."""
    removed: frozenset[str]
    raw: bytes


def check_request(
    headers: Mapping[str, str], *, path: str = "/", extensions: Mapping[str, str] | None = None
) -> Any:
    """A request as Envoy describes it."""
    http = {"method": "GET", "path": path, "headers": headers}
    return CheckRequest(
        attributes={"request": {"http": http}, "context_extensions": extensions or {}}
    )


def check(
    channel: grpc.Channel, request: Any, metadata: tuple[tuple[str, str], ...] = ()
) -> Verdict:
    """Ask; every header of the answer takes the place of others of its name."""
    ask = channel.unary_unary(CHECK, CheckRequest.SerializeToString, lambda data: data)
    raw = ask(request, metadata=metadata, timeout=20)
    answer = CheckResponse.FromString(raw)
    is_let_through = answer.HasField("ok_response")
    assert is_let_through == (answer.status.code == 0), answer
    given = answer.ok_response if is_let_through else answer.denied_response
    headers = {option.header.key: option.header.value for option in given.headers}
    assert len(headers) == len(given.headers)
    assert {option.append_action for option in given.headers} <= {
        option.OVERWRITE_IF_EXISTS_OR_ADD for option in given.headers
    }
    return Verdict(
        status=200 if is_let_through else answer.denied_response.status.code,
        headers=headers,
        removed=frozenset(answer.ok_response.headers_to_remove),
        raw=raw,
    )
