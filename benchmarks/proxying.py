"""What it costs a proxy to ask about a request: the first half of P9."""

from collections.abc import Iterator
from typing import Any

import grpc
from authn.v1.token_service_pb2 import VerifyTokenRequest

from authsvc.transport.ext_authz.messages import CheckRequest, CheckResponse
from benchmarks import harness
from benchmarks.calls import VERIFY, alternate_loads, ratio
from benchmarks.harness import Options
from benchmarks.measurement import Result

IDS = ("P9",)

_CHECK = "/envoy.service.auth.v3.Authorization/Check"

_HEADERS = {
    ":authority": "app.example",
    ":method": "GET",
    ":path": "/orders/4711?page=2",
    ":scheme": "https",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.8,de;q=0.6",
    "referer": "https://app.example/orders",
    "sec-fetch-mode": "cors",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "x-envoy-internal": "true",
    "x-forwarded-for": "192.0.2.7",
    "x-forwarded-proto": "https",
    "x-request-id": "4b1d4fb1-7f2c-4f0e-9d3a-0a8a6c1f8f57",
}
"""Such as Envoy tells of a browser's request."""


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with harness.directory() as data, harness.service(data) as service:
        token = harness.access_token(service.address)
        request = _request(token)
        _require_allowed(service.address, request)
        with (
            harness.load(service.address, _CHECK, [request]) as check,
            harness.load(
                service.address, VERIFY, [VerifyTokenRequest(access_token=token)]
            ) as verify,
        ):
            pairs = alternate_loads(check, verify, options)
            yield ratio(
                "P9", "ext_authz Check, warm", pairs, yardstick="VerifyToken, warm", limit=0.7
            )


def _request(token: str) -> Any:
    return CheckRequest(
        attributes={
            "request": {
                "http": {
                    "method": "GET",
                    "path": _HEADERS[":path"],
                    "headers": {**_HEADERS, "authorization": f"Bearer {token}"},
                }
            },
            "context_extensions": {"audience": "authsvc", "max_age": "3600"},
        }
    )


def _require_allowed(address: str, request: Any) -> None:
    """A denial is an answer too, and costs something else."""
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(_CHECK, CheckRequest.SerializeToString, CheckResponse.FromString)
        if not ask(request, timeout=10).HasField("ok_response"):
            message = "the request is not let through"
            raise RuntimeError(message)
