"""A service in each language trusts tokens of its authsvc, whatever becomes of that meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet

from tests.client.conftest import mint
from tests.client.feed_server import piece, revoked, serving
from tests.faults.process_tree import Tree, tree
from tests.interop.conftest import Built
from tests.interop.services import (
    OK,
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Orders,
    free_address,
    orders,
)
from tests.porch.processes import eventually
from tests.verify.minting import AUDIENCE, ISSUER, JWKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("interop")]

_PASSWORD = "violet kettle orbits 47 moons"
_STALENESS = 2.0
_FIELD_OF_ANOTHER_VERSION = b"\xc2\x3e\x05later"  # field 1000, a string


@pytest.fixture(name="address")
def _address() -> str:
    return free_address()


@pytest.fixture(name="service")
def _service(built: Built, address: str) -> Iterator[Orders]:
    """An example service, started before its authsvc."""
    language, example = built
    with orders(language, example, address, AUTHSVC_MAX_STALENESS=f"{_STALENESS:.0f}s") as service:
        yield service
        assert service.process.poll() is None, "it ended by itself"


def _login(address: str, *scopes: str) -> TokenSet:
    with grpc.insecure_channel(address) as channel:
        auth = AuthServiceStub(channel)
        name = f"someone-{time.time_ns()}"
        auth.Register(RegisterRequest(username=name, password=_PASSWORD))
        login = LoginRequest(identifier=name, password=_PASSWORD, scopes=scopes)
        return auth.Login(login).tokens


def _revoke(address: str, tokens: TokenSet) -> None:
    with grpc.insecure_channel(address) as channel:
        SessionServiceStub(channel).RevokeSession(
            RevokeSessionRequest(session_id=tokens.session_id),
            metadata=(("authorization", f"Bearer {tokens.access_token}"),),
        )


def _with_another_signature(token: str) -> str:
    signing_input, _, signature = token.rpartition(".")
    return f"{signing_input}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _becomes(service: Orders, token: str, code: grpc.StatusCode) -> bool:
    return eventually(lambda: service.answer(token) is code, seconds=15)


def test_it_lets_in_whom_it_should_and_nobody_else(
    service: Orders, address: str, tmp_path: Path
) -> None:
    with tree(tmp_path, listen=address):
        mine, no_scope = _login(address, "orders.read"), _login(address)
        assert _becomes(service, mine.access_token, OK)

        assert service.answer("") is UNAUTHENTICATED
        assert service.answer("no token") is UNAUTHENTICATED
        assert service.answer(mine.refresh_token) is UNAUTHENTICATED
        assert service.answer(_with_another_signature(mine.access_token)) is UNAUTHENTICATED
        assert service.answer(no_scope.access_token) is PERMISSION_DENIED

        _revoke(address, mine)
        revoked_at = time.monotonic()
        while service.code(mine.access_token) is not UNAUTHENTICATED:
            assert time.monotonic() - revoked_at < 2
        assert service.answer(mine.access_token) is UNAUTHENTICATED


def test_p_rev_2_without_its_authsvc_it_goes_on_for_a_while_and_then_says_so(
    service: Orders, address: str, tmp_path: Path
) -> None:
    assert service.answer("any") is UNAVAILABLE  # there was none yet
    with tree(tmp_path, listen=address) as running:
        tokens = _login(address, "orders.read")
        assert _becomes(service, tokens.access_token, OK)
        running.kill()
        killed = time.monotonic()

        assert service.answer(tokens.access_token) is OK
        assert _becomes(service, tokens.access_token, UNAVAILABLE)
        assert time.monotonic() - killed < _STALENESS + 2
        assert service.answer("no token") is UNAVAILABLE

    with tree(tmp_path, listen=address):  # with what the killed one had written down
        assert _becomes(service, tokens.access_token, OK)
        _revoke(address, tokens)
        assert _becomes(service, tokens.access_token, UNAUTHENTICATED)


def test_p_rev_2_what_was_revoked_while_it_heard_nothing_it_learns_with_the_next_news(
    service: Orders, address: str, tmp_path: Path
) -> None:
    with tree(tmp_path, listen=address) as running:
        tokens = _login(address, "orders.read")
        assert _becomes(service, tokens.access_token, OK)
        os.kill(service.process.pid, signal.SIGSTOP)
        _revoke(address, tokens)
        time.sleep(_STALENESS + 1)
        os.kill(service.process.pid, signal.SIGCONT)

        # What it knew is too old by now, and what it hears says that the token is dead.
        answers = {service.code(tokens.access_token) for _ in range(20)}
        assert OK not in answers
        assert _becomes(service, tokens.access_token, UNAUTHENTICATED)
        running.kill()


def test_an_authsvc_that_does_not_answer_holds_it_up_no_longer_than_one_that_is_gone(
    service: Orders, address: str, tmp_path: Path
) -> None:
    with tree(tmp_path, listen=address) as running:
        tokens = _login(address, "orders.read")
        assert _becomes(service, tokens.access_token, OK)
        _signal(running, signal.SIGSTOP)
        try:
            assert _becomes(service, tokens.access_token, UNAVAILABLE)
        finally:
            _signal(running, signal.SIGCONT)

        assert _becomes(service, tokens.access_token, OK)


def _signal(running: Tree, number: int) -> None:
    for pid in running.workers():
        os.kill(pid, number)


def test_p_api_2_what_a_newer_server_adds_is_ignored_and_what_it_revokes_is_not(
    built: Built,
) -> None:
    language, example = built
    with serving() as server:
        for jwk in server.jwks:
            jwk.MergeFromString(_FIELD_OF_ANOTHER_VERSION)
        first, other = piece(0, 5, reset=True), piece(5, 6, revoked(2, "another"))
        for message in (first, other, *other.revocations):
            message.MergeFromString(_FIELD_OF_ANOTHER_VERSION)
        server.send_keys(JWKS["EdDSA"])
        server.send(first, other)
        settings = {"AUTHSVC_ISSUER": ISSUER, "AUTHSVC_AUDIENCE": AUDIENCE}
        with orders(language, example, server.address, **settings) as service:
            assert _becomes(service, mint(), OK)

            server.send(piece(6, 7, revoked(99, "something")))

            assert _becomes(service, mint(), UNAVAILABLE)
            assert eventually(lambda: server.asked_after[-1] == 6)
            assert service.process.poll() is None
