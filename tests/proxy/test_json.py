"""authsvc in JSON and in gRPC-Web through Envoy, with `examples/envoy/json.yaml`."""

import base64
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, LoginResponse
from authn.v1.token_service_pb2 import VerifyTokenRequest, WatchKeysResponse
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from tests.proxy.envoy import AUTHSVC, ROOT, envoy, example, port
from tests.service import PASSWORD, Service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("envoy")]

PAGE = "https://app.example"
IN_TRAILERS = 0x80


@pytest.fixture(name="url", scope="module")
def _url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    subprocess.run([ROOT / "dev", "descriptors"], check=True, cwd=ROOT)
    changes = {AUTHSVC: port(service.address), "var/authn.binpb": f"{ROOT}/var/authn.binpb"}
    with envoy(example("json.yaml", changes), tmp_path_factory.mktemp("envoy")) as url:
        yield url


def post(url: str, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/{path}", json=body, headers=headers, timeout=20)


def problem(response: httpx.Response) -> tuple[int, int, list[dict[str, Any]]]:
    """Status of HTTP, code of gRPC, and details."""
    told = response.json()
    return response.status_code, told["code"], told["details"]


def info(reason: str) -> dict[str, Any]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "authsvc"}


def test_the_life_of_a_session(service: Service, url: str) -> None:
    username = service.register().account.username
    login = {"identifier": username, "password": PASSWORD, "scopes": ["orders.read"]}
    tokens = post(url, "auth:login", login).json()["tokens"]
    check = {"accessToken": tokens["accessToken"], "requiredScopes": ["orders.read"]}

    claims = post(url, "tokens:verify", check).json()["claims"]
    mine = {"authorization": f"Bearer {tokens['accessToken']}"}
    account = httpx.get(f"{url}/v1/account", headers=mine).json()["account"]
    session = httpx.get(f"{url}/v1/sessions/{tokens['sessionId']}", headers=mine).json()["session"]
    listed = httpx.get(f"{url}/v1/sessions?page_size=10", headers=mine).json()["sessions"]
    refreshed = post(url, "auth:refresh", {"refreshToken": tokens["refreshToken"]})
    successor = refreshed.json()["tokens"]["refreshToken"]
    ended = post(url, "auth:logout", {"refreshToken": successor})
    after = post(url, "tokens:verify", check)

    assert claims["subject"] == account["accountId"]
    assert session["sessionId"] == claims["sessionId"] == tokens["sessionId"]
    assert tokens["sessionId"] in {each["sessionId"] for each in listed}
    assert int(ended.json()["revision"]) > 0
    assert problem(after) == (401, 16, [info("TOKEN_INACTIVE")])


def test_errors_come_with_their_details(url: str) -> None:
    wrong = post(url, "auth:login", {"identifier": "nobody", "password": "x" * 20})
    assert problem(wrong) == (401, 16, [info("INVALID_CREDENTIALS")])
    assert wrong.headers["content-type"] == "application/json"
    status, code, details = problem(post(url, "auth:register", {"username": "!"}))
    assert (status, code) == (400, 3)
    assert details[0] == info("INVALID_REQUEST")
    fields = {violation["field"] for violation in details[1]["fieldViolations"]}
    assert {"username", "password"} <= fields


def test_what_is_not_in_the_contract_reaches_nobody(service: Service, url: str) -> None:
    assert post(url, "auth:nothing", {}).status_code == 404
    assert post(url, "keys:rotate", {}).status_code == 404
    assert httpx.get(f"{url}/v1/auth:login").status_code == 404
    assert httpx.get(f"{url}/v1/jwks?x=1").status_code == 400
    assert httpx.get(f"{url}/grpc.health.v1.Health/Check").status_code == 404


def framed(message: Any) -> bytes:
    data = message.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data


def frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames of an answer in gRPC-Web, with their flags."""
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        yield flags, body[5 : 5 + length]
        body = body[5 + length :]


def web(url: str, method: str, message: Any, **headers: str) -> httpx.Response:
    given = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", **headers}
    return httpx.post(f"{url}/authn.v1.{method}", content=framed(message), headers=given)


def trailers(data: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in data.decode().splitlines())
    return {name.lower(): value.strip() for name, _, value in lines}


def test_a_browser_calls_by_grpc_web(service: Service, url: str) -> None:
    username = service.register().account.username
    response = web(
        url, "AuthService/Login", LoginRequest(identifier=username, password=PASSWORD), origin=PAGE
    )
    (kind, message), (last, end) = frames(response.content)

    assert (kind, last, trailers(end)["grpc-status"]) == (0, IN_TRAILERS, "0")
    assert LoginResponse.FromString(message).tokens.access_token
    assert response.headers["access-control-allow-origin"] == PAGE


def test_a_browser_is_told_why_it_is_refused(url: str) -> None:
    response = web(url, "TokenService/VerifyToken", VerifyTokenRequest(access_token="x"))
    told = dict(response.headers)
    for flags, data in frames(response.content):
        assert flags == IN_TRAILERS
        told |= trailers(data)
    details = told["grpc-status-details-bin"]
    status = Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    reason = ErrorInfo()
    assert told["grpc-status"] == "16"
    assert status.details[0].Unpack(reason)
    assert reason.reason == "TOKEN_INACTIVE"


def test_a_browser_may_watch_a_stream(url: str) -> None:
    given = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    path = f"{url}/authn.v1.TokenService/WatchKeys"
    with httpx.stream("POST", path, content=bytes(5), headers=given, timeout=20) as response:
        received = b""
        for piece in response.iter_bytes():
            received += piece
            if len(received) > 5 and len(received) >= 5 + struct.unpack(">I", received[1:5])[0]:
                break
    [(kind, message), *_] = frames(received)
    assert kind == 0
    assert WatchKeysResponse.FromString(message).keys


@pytest.mark.parametrize(("origin", "allowed"), [(PAGE, PAGE), ("https://evil.example", None)])
@pytest.mark.parametrize("path", ["v1/auth:login", "authn.v1.AuthService/Login"])
def test_only_pages_that_are_named_may_call(
    origin: str, allowed: str | None, path: str, url: str
) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    response = httpx.options(f"{url}/{path}", headers=asked)
    assert response.headers.get("access-control-allow-origin") == allowed


def test_only_the_services_that_are_named_can_be_called(url: str) -> None:
    for method in (
        "KeyService/ListKeys",
        "ServiceAccountService/ListServiceAccounts",
        "EventService/ListEvents",
    ):
        assert web(url, method, VerifyTokenRequest()).status_code == 404


def test_a_callers_own_credential_of_a_service_goes_no_further(url: str) -> None:
    """Else the answer would be that this is none."""
    response = post(url, "tokens:verify", {"accessToken": "x"}, **{"x-authsvc-api-key": "ask_x"})
    assert problem(response) == (401, 16, [info("TOKEN_INACTIVE")])
