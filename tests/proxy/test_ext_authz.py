"""What reaches a service behind Envoy with `examples/envoy/ext_authz.yaml`, and what does not."""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.token_pb2 import TokenSet

from authsvc.transport.ext_authz.identity import IDENTITY_HEADERS
from tests.porch.processes import eventually
from tests.proxy.envoy import AUTHSVC, BACKEND, envoy, example, port
from tests.service import Service, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import issue_api_key

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("envoy")]

FAIL_OPEN = {"failure_mode_allow: false": "failure_mode_allow: true"}
LET_UNDERSCORES_IN = {
    "action: REJECT_REQUEST\n                # W": "action: ALLOW\n                # W"
}
Headers = Sequence[tuple[str, str]]


def config(authsvc: str, behind: str, **changes: str) -> str:
    return example("ext_authz.yaml", {AUTHSVC: port(authsvc), BACKEND: port(behind)} | changes)


@pytest.fixture(name="url", scope="session")
def _url(service: Service, behind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with envoy(config(service.address, behind), tmp_path_factory.mktemp("envoy")) as url:
        yield url


@pytest.fixture(name="tokens")
def _tokens(service: Service) -> TokenSet:
    return service.login(service.register().account.username, scopes=["orders.read"])


def get(url: str, token: str | None, *headers: tuple[str, str]) -> httpx.Response:
    given = [] if token is None else [("authorization", f"Bearer {token}")]
    return httpx.get(url, headers=[*given, *headers], timeout=20)


def arrived(response: httpx.Response) -> list[tuple[str, str]]:
    """The headers that reached the service behind the proxy, in lower case."""
    assert response.status_code == 200, response.text
    return [(name.lower(), value) for name, value in response.json()[1]]


def identity(response: httpx.Response) -> list[tuple[str, str]]:
    """What the service behind the proxy may take for the identity of the caller."""
    names = [(name.replace("_", "-"), value) for name, value in arrived(response)]
    return sorted(entry for entry in names if entry[0] in IDENTITY_HEADERS)


def refusal(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.headers.get("www-authenticate")


def expected(tokens: TokenSet, subject: str) -> list[tuple[str, str]]:
    return [
        ("x-auth-acr", "aal1"),
        ("x-auth-audience", "authsvc"),
        ("x-auth-client", "dev"),
        ("x-auth-scopes", "orders.read"),
        ("x-auth-session", tokens.session_id),
        ("x-auth-subject", subject),
    ]


def test_a_good_request_arrives_with_an_identity_and_without_the_token(
    url: str, tokens: TokenSet
) -> None:
    response = get(f"{url}/x?y=1", tokens.access_token)
    subject = dict(arrived(response))["x-auth-subject"]
    assert response.json()[0] == "/x?y=1"
    assert subject.startswith("acc_")
    assert identity(response) == expected(tokens, subject)
    assert "authorization" not in dict(arrived(response))


def test_no_identity_of_the_clients_own_arrives(url: str, tokens: TokenSet) -> None:
    subject = dict(arrived(get(url, tokens.access_token)))["x-auth-subject"]
    names = [*IDENTITY_HEADERS, *(name.upper() for name in IDENTITY_HEADERS)]
    spoofed = [(name, value) for name in names for value in ("acc_0", "root", "")]
    assert identity(get(url, tokens.access_token, *spoofed)) == expected(tokens, subject)


def test_nor_one_that_is_spelled_with_underscores(
    service: Service, behind: str, url: str, tokens: TokenSet, tmp_path: Path
) -> None:
    subject = dict(arrived(get(url, tokens.access_token)))["x-auth-subject"]
    spoofed = [
        *(("x_auth_roles", "admin"), ("x-auth_roles", "admin"), ("X_AUTH-Roles", "admin")),
        *(("x_auth_subject", "acc_0"), ("x_auth_subject", "acc_1")),
    ]
    assert get(url, tokens.access_token, *spoofed).status_code == 400
    lax = config(service.address, behind, **LET_UNDERSCORES_IN)
    with envoy(lax, tmp_path) as other:
        assert identity(get(other, tokens.access_token, *spoofed)) == expected(tokens, subject)


def test_an_open_route_takes_identities_away(url: str) -> None:
    spoofed = [(name, "root") for name in IDENTITY_HEADERS]
    assert identity(get(f"{url}/public/x", None, *spoofed)) == []


def test_a_route_may_ask_for_scopes_and_forward_the_token(
    service: Service, url: str, tokens: TokenSet
) -> None:
    other = service.register().tokens.access_token
    challenge = 'Bearer error="insufficient_scope", scope="orders.read"'
    assert refusal(get(f"{url}/orders", other)) == (403, challenge)
    forwarded = dict(arrived(get(f"{url}/orders", tokens.access_token)))
    assert forwarded["authorization"] == f"Bearer {tokens.access_token}"


def test_a_route_may_ask_for_step_up(service: Service, url: str) -> None:
    scopes = ["orders.read", "orders.write"]
    token = service.login(service.register().account.username, scopes=scopes).access_token
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300"'
    assert refusal(get(f"{url}/orders/refund", token)) == (401, challenge)


def test_refusals_are_challenges_of_rfc_6750(url: str, tokens: TokenSet) -> None:
    good = ("authorization", f"Bearer {tokens.access_token}")
    ambiguous = (400, 'Bearer error="invalid_request"')
    assert refusal(get(url, None)) == (401, 'Bearer realm="authsvc"')
    assert refusal(get(url, "x")) == (401, 'Bearer error="invalid_token"')
    assert refusal(get(url, None, good, good)) == ambiguous
    assert refusal(get(url, None, good, ("Authorization", "Basic YTpi"))) == ambiguous
    assert refusal(get(f"{url}/?access_token=x", None, good)) == ambiguous


def test_p_rev_1_a_revoked_token_is_refused_at_the_next_request(
    service: Service, url: str, tokens: TokenSet
) -> None:
    for _ in range(20):
        other = service.register().tokens
        assert get(url, other.access_token).status_code == 200
        service.session.RevokeSession(RevokeSessionRequest(session_id=other.session_id))
        assert refusal(get(url, other.access_token)) == (401, 'Bearer error="invalid_token"')
    assert get(url, tokens.access_token).status_code == 200


def test_one_path_has_one_spelling(url: str, tokens: TokenSet) -> None:
    assert get(f"{url}//orders", tokens.access_token).json()[0] == "/orders"
    assert get(f"{url}/x/../orders", None).status_code == 401
    assert get(f"{url}/public/%2e%2e/orders", None).status_code == 401
    assert get(f"{url}/public/..%2forders", None).status_code == 400


def test_p_flt_1_without_authsvc_nobody_gets_in(behind: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with envoy(config(address, behind), tmp_path) as url:
            assert get(url, "x").status_code == 503


def test_p_flt_1_nor_without_redis_even_where_failures_are_let_through(
    behind: str, tmp_path: Path
) -> None:
    with (
        valkey() as redis,
        running(data=tmp_path, redis_url=redis.url) as own,
        envoy(config(own.address, behind, **FAIL_OPEN), tmp_path) as url,
    ):
        token = own.register().tokens.access_token
        assert get(url, token).status_code == 200
        redis.kill()
        assert eventually(lambda: get(url, token).status_code != 200)
        response = get(url, token)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


def test_p_int_1_in_production_envoy_must_prove_that_it_may_ask(
    behind: str, tmp_path: Path
) -> None:
    with (
        valkey() as redis,
        running(data=tmp_path, redis_url=redis.url, mode="production") as own,
    ):
        key, _ = issue_api_key(own, methods=("envoy.service.auth.v3.Authorization/Check",))
        for shown, answer in ((key, 401), ("ask_x", 503)):
            proof = {"# initial_metadata": "initial_metadata", "ask_…": shown}
            directory = tmp_path / shown
            directory.mkdir()
            with envoy(config(own.address, behind, **proof), directory) as url:
                assert get(url, "x").status_code == answer
