"""The HTTP port answers its paths, and nothing of a request comes back."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from authsvc.listening import ReservedPort
from authsvc.transport.http import HttpApplication
from authsvc.worker import serving_http

KEYS = [{"kty": "OKP", "crv": "Ed25519", "x": "abc", "kid": "k1", "use": "sig", "alg": "EdDSA"}]


class Readiness:
    """Which services the server says that it can answer for."""

    def __init__(self) -> None:
        self.is_serving = {"": True, "authn.v1.TokenService": True, "authn.v1.AuthService": True}


@pytest.fixture
def readiness() -> Readiness:
    """The readiness of the served application."""
    return Readiness()


@pytest.fixture
def address(readiness: Readiness) -> Iterator[str]:
    """The address of a running HTTP port."""
    application = HttpApplication(
        published_keys=lambda: KEYS,
        issuer="https://auth.example",
        services=["authn.v1.TokenService", "authn.v1.AuthService"],
        is_serving=lambda service: readiness.is_serving[service],
        metrics=lambda: (b"authsvc_up 1\n", "text/plain; version=1.0.0"),
    )
    port = ReservedPort("127.0.0.1:0", setting="HTTP")
    with serving_http(application, port.address):
        yield port.address
    port.release()


def _ask(
    address: str, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection(address, timeout=5)) as connection:
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        return answer, answer.read()


def test_p_key_2_the_key_set_is_served_for_caches(address: str) -> None:
    answer, body = _ask(address, "/.well-known/jwks.json")

    assert json.loads(body) == {"keys": KEYS}
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert "max-age=300" in answer.headers["Cache-Control"]

    again, nothing = _ask(address, "/.well-known/jwks.json", If_None_Match=answer.headers["ETag"])
    assert (again.status, nothing) == (304, b"")


def test_the_metadata_names_issuer_and_key_set(address: str) -> None:
    _, body = _ask(address, "/.well-known/oauth-authorization-server")

    metadata = json.loads(body)
    assert metadata["issuer"] == "https://auth.example"
    assert metadata["jwks_uri"] == "https://auth.example/.well-known/jwks.json"


def test_readiness_follows_the_server_and_life_does_not(address: str, readiness: Readiness) -> None:
    assert _ask(address, "/readyz")[0].status == 200

    readiness.is_serving[""] = False

    assert _ask(address, "/readyz")[0].status == 503
    assert _ask(address, "/healthz")[0].status == 200


def test_readiness_is_told_for_each_service(address: str, readiness: Readiness) -> None:
    readiness.is_serving["authn.v1.AuthService"] = False

    assert _ask(address, "/readyz/authn.v1.TokenService")[0].status == 200
    assert _ask(address, "/readyz/authn.v1.AuthService")[0].status == 503
    assert _ask(address, "/readyz/authn.v1.OtherService")[0].status == 404


def test_metrics_are_served(address: str) -> None:
    answer, body = _ask(address, "/metrics")

    assert body == b"authsvc_up 1\n"
    assert answer.headers["Content-Type"] == "text/plain; version=1.0.0"


@pytest.mark.parametrize(
    "path", ["/", "/metrics/", "/healthz/x", "/%2e%2e/etc/passwd", "/<script>"]
)
def test_other_paths_are_not_found_and_not_reflected(address: str, path: str) -> None:
    answer, body = _ask(address, path, X_Echo="marker")

    assert (answer.status, body) == (404, b"Not Found\n")
    assert "marker" not in str(answer.headers)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_head_are_allowed(address: str, method: str) -> None:
    answer, _ = _ask(address, "/healthz", method)

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_gives_the_headers_alone(address: str) -> None:
    answer, body = _ask(address, "/.well-known/jwks.json", "HEAD")

    assert (answer.status, body) == (200, b"")


def test_p_api_1_long_headers_and_bodies_are_refused(address: str) -> None:
    assert _ask(address, "/healthz", X_Long="x" * 20_000)[0].status == 431
    assert _ask(address, "/healthz", Content_Length="5000")[0].status == 413


def test_a_port_of_another_server_is_not_shared() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        with pytest.raises(Exception, match="HTTP: can't listen"):
            ReservedPort(f"127.0.0.1:{taken}", setting="HTTP")
