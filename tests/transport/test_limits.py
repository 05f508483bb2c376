"""P-API-1: what a peer may ask for at most, and that nothing it sends is taken on trust."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.token_service_pb2 import GetJwksRequest, VerifyTokenRequest

from authsvc.transport.server import CONCURRENCY
from tests.porch.processes import eventually
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import valkey
from tests.transport import http2
from tests.transport.calls import METHODS, path_of, refused, request_of, send
from tests.transport.logged import logged

GET_JWKS = path_of("GetJwks").encode()
OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, UNIMPLEMENTED = 0, 3, 4, 12
RESET = None
TOO_MUCH_METADATA = {
    "grpcio": {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT},
    "native": {grpc.StatusCode.UNKNOWN},  # which clients make of the HTTP status 431
}
FORBIDDEN_CHARACTERS = {"grpcio": INVALID_ARGUMENT, "native": RESET}
FORBIDDEN_PATH = {"grpcio": UNIMPLEMENTED, "native": RESET}


def series(service: Service) -> set[str]:
    """The metric series that there are."""
    body, _ = service.app.http._metrics()
    lines = body.decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def value(service: Service, name: str) -> float:
    """The value of a metric series; 0 if there is none."""
    body, _ = service.app.http._metrics()
    found = [line for line in body.decode().splitlines() if line.startswith(name)]
    return float(found[0].rpartition(" ")[2]) if found else 0


def test_p_api_1_a_message_over_the_limit_is_refused_unread(service: Service) -> None:
    limit = service.app.config.max_message_bytes
    refusal = refused(lambda: send(service.channel, "VerifyToken", b"\x0a" * (limit + 1)))
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    token = "A" * (limit - 100)
    fits = refused(lambda: service.token.VerifyToken(VerifyTokenRequest(access_token=token)))
    assert fits.reason == "TOKEN_INACTIVE"


def test_p_api_1_a_compressed_message_is_read_and_its_limit_is_that_of_the_whole(
    service: Service,
) -> None:
    limit = service.app.config.max_message_bytes
    expected = {
        limit // 2: grpc.StatusCode.UNAUTHENTICATED,
        limit: grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
    for size, code in expected.items():
        request = VerifyTokenRequest(access_token="A" * size)
        refusal = refused(
            lambda r=request: service.token.VerifyToken(r, compression=grpc.Compression.Gzip)
        )
        assert refusal.code is code


def test_p_api_1_metadata_over_the_limit_is_refused(transport: str, service: Service) -> None:
    limit = service.app.config.max_metadata_bytes
    for metadata in (
        (("x-large", "a" * limit),),
        tuple((f"x-{n}", "a" * 100) for n in range(limit // 100)),
        (("x-large-bin", b"a" * limit),),
    ):
        refusal = refused(lambda m=metadata: send(service.channel, "GetJwks", metadata=m))
        assert refusal.code in TOO_MUCH_METADATA[transport]
    send(service.channel, "GetJwks", metadata=(("x-large", "a" * (limit - 1000)),))


def test_p_api_1_metadata_over_the_limit_is_refused_also_before_it_is_agreed_on(
    service: Service,
) -> None:
    answer = http2.call(service.address, GET_JWKS, headers=((b"x-large", b"a" * 400_000),))
    assert answer.status != OK
    assert not answer.data
    send(service.channel, "GetJwks")


@pytest.mark.parametrize("control", [b"\r\n", b"\0", b"\x1b[2J", b"\n", b"\x7f"])
def test_p_api_1_control_characters_in_metadata_are_refused_and_never_logged(
    control: bytes, transport: str, service: Service
) -> None:
    value = b"a" + control + b'{"event":"forged"}'
    with logged("debug") as log:
        for name in (b"x-any", b"x-correlation-id", b"authorization", b"x-authsvc-api-key"):
            answer = http2.call(service.address, GET_JWKS, headers=((name, value),))
            assert answer.status == FORBIDDEN_CHARACTERS[transport]
            assert not answer.data
    assert "forged" not in log.text
    assert control.decode("latin-1") not in log.text.replace("\n", "")


@pytest.mark.parametrize("byte", [b"\x80", b"\xff", "é".encode()])
def test_p_api_1_metadata_that_is_not_ascii_is_refused_and_forges_no_line(
    byte: bytes, transport: str, service: Service
) -> None:
    values = {
        b"a" + byte: INVALID_ARGUMENT,
        b"a" + byte + b'\n{"event":"forged"}': FORBIDDEN_CHARACTERS[transport],
    }
    with logged("debug") as log:
        for name in (b"x-any", b"x-correlation-id", b"authorization", b"x-authsvc-api-key"):
            for value, expected in values.items():
                answer = http2.call(service.address, GET_JWKS, headers=((name, value),))
                assert answer.status == expected
    assert all(line["event"] != "forged" for line in log.lines)


def test_p_api_1_a_correlation_id_of_another_form_is_not_taken(service: Service) -> None:
    with logged() as log:
        for given in ("a b", "x" * 129, "<script>", "a;b", '"'):
            username = f"c{abs(hash(given))}"
            request = request_of("Register", username=username, password=PASSWORD)
            send(service.channel, "Register", request, metadata=(("x-correlation-id", given),))
    ids = [line["correlation_id"] for line in log.events("login")]
    assert len(set(ids)) == 5
    assert all(len(given) == 16 and given.isalnum() for given in ids)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_what_does_not_parse_is_an_invalid_argument(name: str, service: Service) -> None:
    garbage = (
        *(b"\xff", b"\x0a", b"\x0a\x05ab", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        *(b"\x0b" * 10_000, b"\x0f", b"\x80" * 11, b"\xfa\xff\xff\xff\x0f"),
    )
    own = bearer(service.register().tokens.access_token)
    for data in garbage:
        refusal = refused(lambda data=data: send(service.channel, name, data, metadata=own))
        assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal.reason == "INVALID_REQUEST"
        assert len(refusal.fields) == 1


def test_p_api_2_unknown_fields_are_ignored(service: Service) -> None:
    unknown = bytes.fromhex("f2bf0105") + b"hello"
    assert send(service.channel, "GetJwks", unknown) == send(service.channel, "GetJwks")


@pytest.mark.parametrize(
    "path",
    [
        *(b"/authn.v1.TokenService/Nothing", b"/authn.v1.Nothing/GetJwks", b"/", b"/x"),
        *(b"/" + GET_JWKS, GET_JWKS + b"/", GET_JWKS + b"%20"),
        *(b"/authn.v1.TokenService/Get%4Awks", b"/AUTHN.V1.TokenService/GetJwks"),
        *(b"/authn.v1.TokenService//GetJwks", b"/x/" + b"A" * 5000),
    ],
)
def test_an_unknown_method_is_unimplemented_and_makes_no_metric(
    path: bytes, service: Service
) -> None:
    before = series(service)
    assert http2.call(service.address, path).status == UNIMPLEMENTED
    assert series(service) == before


@pytest.mark.parametrize("path", [GET_JWKS[1:], b"/\xff\xfe/\x80"])
def test_what_is_no_path_reaches_no_method_and_makes_no_metric(
    path: bytes, transport: str, service: Service
) -> None:
    before = series(service)
    assert http2.call(service.address, path).status == FORBIDDEN_PATH[transport]
    assert series(service) == before


@pytest.mark.parametrize("name", ["GetJwks", "RotateKey"])
def test_a_query_behind_a_method_is_another_method_or_changes_no_rule(
    name: str, transport: str, open_service: Service
) -> None:
    path = path_of(name).encode()
    plain = http2.call(open_service.address, path).status
    asked = http2.call(open_service.address, path + b"?a=b").status
    assert asked == (UNIMPLEMENTED if transport == "grpcio" else plain)


def test_calls_are_counted_under_the_name_of_their_method(service: Service) -> None:
    send(service.channel, "GetJwks")
    assert 'authsvc_rpcs_total{code="OK",method="GetJwks"}' in series(service)
    assert not any('method="unknown"' in name for name in series(service) if "rpcs" in name)


def test_p_api_1_a_deadline_that_has_passed_is_told(service: Service) -> None:
    answer = http2.call(service.address, GET_JWKS, headers=((b"grpc-timeout", b"0n"),))
    assert answer.status == DEADLINE_EXCEEDED


@pytest.fixture(name="slow", scope="session")
def _slow(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose hashes take longer than its calls may."""
    data = Path(tmp_path_factory.mktemp("slow"))
    costs = {"argon2_time_cost": 64, "argon2_memory_cost_kib": 49152, "server_deadline": "1s"}
    with valkey() as server, running(data=data, redis_url=server.url, **costs) as service:
        yield service


@pytest.mark.xdist_group("costly hashes")
@pytest.mark.parametrize("timeout", [None, b"99999999H", b"junk", b"-1S", b"1"])
def test_p_api_1_every_call_ends_within_the_servers_own_deadline(
    timeout: bytes | None, slow: Service
) -> None:
    message = LoginRequest(identifier=f"nobody-{timeout!r}", password="x").SerializeToString()
    headers = ((b"grpc-timeout", timeout),) if timeout is not None else ()
    answer = http2.call(slow.address, path_of("Login").encode(), message, headers=headers)
    assert answer.ended
    assert answer.status != OK
    assert answer.seconds < 4


def test_p_api_1_streams_beyond_the_limit_wait_and_do_not_fail(service: Service) -> None:
    wanted = 3 * service.app.config.max_concurrent_streams
    calls = [service.token.GetJwks.future(GetJwksRequest(), timeout=20) for _ in range(wanted)]
    assert all(call.result().keys for call in calls)


def test_a_rapid_reset_starts_no_handler_and_holds_nobody_up(service: Service) -> None:
    counted = 'authsvc_rpcs_total{code="OK",method="GetPasswordPolicy"}'
    path = path_of("GetPasswordPolicy").encode()
    before = value(service, counted)
    sent = http2.reset_rapidly(service.address, path, times=5_000)
    started = time.monotonic()
    send(service.channel, "GetJwks")

    assert sent > 0
    assert value(service, counted) - before < 50
    assert time.monotonic() - started < 2


def test_p_api_1_a_flood_of_frames_takes_no_memory_and_holds_nobody_up(service: Service) -> None:
    http2.flood(service.address, GET_JWKS, times=10_000)
    before = psutil.Process().memory_info().rss
    http2.flood(service.address, GET_JWKS, times=10_000)
    send(service.channel, "GetJwks")
    assert psutil.Process().memory_info().rss - before < 60_000_000


def test_a_client_that_sends_nothing_holds_nobody_up(service: Service) -> None:
    host, _, port = service.address.rpartition(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(50)]
    started = time.monotonic()
    try:
        send(service.channel, "GetJwks")
    finally:
        for connection in idle:
            connection.close()
    assert time.monotonic() - started < 2


def test_p_api_1_calls_whose_message_does_not_come_hold_nobody_up(service: Service) -> None:
    with (
        http2.begin(service.address, GET_JWKS, times=100),
        http2.begin(service.address, GET_JWKS, times=100),
    ):
        if service.app.config.transport == "grpcio":  # the other holds no thread for them
            assert eventually(lambda: _handlers() >= CONCURRENCY)
        send(service.channel, "GetJwks", timeout=20)


def _handlers() -> int:
    return sum(thread.name.startswith("handler") for thread in threading.enumerate())
