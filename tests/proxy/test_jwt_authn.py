"""Envoy checks tokens with our published keys, with `examples/envoy/jwt_authn.yaml`."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from authn.v1.session_service_pb2 import RevokeSessionRequest

from authsvc.config import load
from authsvc.listening import ReservedPort
from authsvc.worker import serving_http
from tests.porch.processes import eventually
from tests.proxy.envoy import BACKEND, HTTP, envoy, example, port
from tests.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("envoy")]


@pytest.fixture(name="url", scope="module")
def _url(service: Service, behind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    reserved = ReservedPort("127.0.0.1:0", setting="HTTP")
    config = example("jwt_authn.yaml", {BACKEND: port(behind), HTTP: port(reserved.address)})
    with (
        ExitStack() as stack,
        serving_http(service.app.http_application(), reserved.address),
        envoy(config, tmp_path_factory.mktemp("envoy")) as url,
    ):
        stack.callback(reserved.release)
        good = service.register().tokens.access_token
        assert eventually(lambda: get(url, good).status_code == 200)  # it has fetched the keys
        yield url


def get(url: str, token: str | None, *headers: tuple[str, str]) -> httpx.Response:
    given = [] if token is None else [("authorization", f"Bearer {token}")]
    return httpx.get(url, headers=[*given, *headers], timeout=20)


def test_a_good_token_lets_through_and_its_claims_arrive(service: Service, url: str) -> None:
    username = service.register().account.username
    tokens = service.login(username, scopes=["orders.read"])
    spoofed = [("x-auth-subject", "acc_0"), ("x-auth-scopes", "root")]

    response = get(url, tokens.access_token, *spoofed)

    arrived = [(name.lower(), value) for name, value in response.json()[1]]
    identity = sorted((name, value) for name, value in arrived if name.startswith("x-auth-"))
    assert [name for name, _ in identity] == [
        f"x-auth-{n}" for n in ("client", "scopes", "session", "subject")
    ]
    assert dict(identity)["x-auth-session"] == tokens.session_id
    assert dict(identity)["x-auth-scopes"] == "orders.read"
    assert dict(identity)["x-auth-subject"].startswith("acc_")
    assert "authorization" not in dict(arrived)


def test_a_claim_that_a_token_lacks_is_not_the_clients_to_set(service: Service, url: str) -> None:
    token = service.register().tokens.access_token  # without scopes
    response = get(url, token, ("x-auth-scopes", "root"))
    assert "x-auth-scopes" not in {name.lower() for name, _ in response.json()[1]}


def test_other_tokens_do_not_let_through(service: Service, url: str) -> None:
    good = service.register()
    header, payload, signature = good.tokens.access_token.split(".")
    elsewhere = service.login(good.account.username, audience="else").access_token
    forged = f"{header}.{payload}.{signature[::-1]}"
    for token in (None, "x", forged, good.tokens.refresh_token, elsewhere):
        response = get(url, token)
        assert response.status_code in {401, 403}
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_revoked_token_lets_through_until_it_ends(service: Service, url: str) -> None:
    """The price of not asking, which docs/envoy.md tells."""
    tokens = service.register().tokens
    service.session.RevokeSession(RevokeSessionRequest(session_id=tokens.session_id))
    assert get(url, tokens.access_token).status_code == 200


def test_the_longest_life_is_the_default_one_of_tokens(tmp_path: Path) -> None:
    lifetime = load(mode="dev", data=tmp_path).access_token_lifetime
    assert f"max_lifetime: {lifetime.total_seconds():.0f}s" in example("jwt_authn.yaml", {})
