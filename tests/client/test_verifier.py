"""Keys, scopes, threads and the end of a verifier."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from authn.v1.token_pb2 import JsonWebKey

from authsvc.client import Observer, Verifier
from authsvc.client import keys as keys_module
from authsvc.errors import (
    AuthError,
    InsufficientScope,
    StoreUnavailable,
    TokenDefect,
    TokenInactive,
)
from tests.client.conftest import PATIENCE, Follow, mint, refusal_of
from tests.client.feed_server import FeedServer, piece
from tests.porch.processes import eventually
from tests.verify.minting import HEADER, JWKS

_UNKNOWN = {**HEADER, "kid": "unknown"}


def test_claims_audience_and_scopes(verifier: Verifier) -> None:
    claims = verifier.verify(mint(), required_scopes=("orders.read",))
    assert claims.client_id == "web"
    assert verifier.verify(mint(aud="bills"), "bills").audience == "bills"
    with pytest.raises(TokenInactive):
        verifier.verify(mint(), "bills")
    with pytest.raises(InsufficientScope):
        verifier.verify(mint(), required_scopes=("orders.read", "orders.delete"))
    with pytest.raises(TokenInactive):
        verifier.verify(mint(exp=2, iat=1))


def test_an_api_key_proves_who_watches(feed: FeedServer, follow: Follow) -> None:
    follow(api_key="key of a test")
    assert eventually(lambda: feed.api_keys[:1] == ["key of a test"])


def test_p_key_4_unknown_keys_cost_one_question_a_second_among_all_threads(
    feed: FeedServer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = keys_module.since_boot()
    monkeypatch.setattr(keys_module, "since_boot", lambda: moment)
    tokens = [mint({**HEADER, "kid": f"unknown{n}"}) for n in range(40)]
    with ThreadPoolExecutor(16) as pool:
        refusals = set(pool.map(lambda token: refusal_of(verifier, token), tokens))

    assert refusals == {TokenInactive}
    assert feed.jwks_calls == 1
    moment += 1.0
    assert refusal_of(verifier, tokens[0]) is TokenInactive
    assert feed.jwks_calls == 2


def test_a_key_that_the_streams_did_not_bring_yet_is_asked_for(
    feed: FeedServer, follow: Follow
) -> None:
    feed.send_keys(JWKS["ES256"])
    feed.send(piece(0, 5, reset=True))
    verifier = follow()
    verifier.wait_until_ready(PATIENCE)

    assert refusal_of(verifier, mint()) is None


def test_p_key_4_a_failed_question_is_no_refusal_and_empties_nothing(
    feed: FeedServer, verifier: Verifier
) -> None:
    feed.jwks_fail = True
    assert refusal_of(verifier, mint(_UNKNOWN)) is StoreUnavailable
    assert refusal_of(verifier, mint(_UNKNOWN)) is StoreUnavailable
    assert feed.jwks_calls == 1
    assert refusal_of(verifier, mint()) is None


def test_p_key_4_neither_no_keys_nor_bad_keys_empty_the_ring(
    feed: FeedServer, verifier: Verifier
) -> None:
    ring = verifier._keys.ring
    bad = {**JWKS["EdDSA"], "kid": "misnamed"}
    for useless in ([], [bad], [bad, JWKS["EdDSA"]]):
        verifier._keys.take([JsonWebKey(**jwk) for jwk in useless])
        assert verifier._keys.ring is ring  # the same, so that tokens stay remembered
    feed.send_keys(JWKS["ES256"], JWKS["EdDSA"], JWKS["EdDSA"])

    assert eventually(lambda: verifier._keys.ring is not ring)
    assert [key.key_id for key in verifier._keys.ring] == [
        JWKS["ES256"]["kid"],
        JWKS["EdDSA"]["kid"],
    ]


def test_a_key_that_left_the_set_is_out(feed: FeedServer, verifier: Verifier) -> None:
    assert refusal_of(verifier, mint()) is None
    feed.jwks = []
    feed.send_keys(JWKS["ES256"])
    assert eventually(lambda: refusal_of(verifier, mint()) is TokenInactive)


def test_the_observer_hears_of_everything(feed: FeedServer, follow: Follow) -> None:
    heard: list[object] = []

    class Listening(Observer):
        def verified(self) -> None:
            heard.append("verified")

        def refused(self, error: AuthError) -> None:
            heard.append(error.defect if isinstance(error, TokenInactive) else type(error))

        def disconnected(self, stream: str, cause: str) -> None:
            heard.append((stream, cause))

    feed.send_keys(JWKS["EdDSA"])
    feed.send(piece(0, 5, reset=True))
    verifier = follow(observer=Listening())
    verifier.wait_until_ready(PATIENCE)
    refusal_of(verifier, mint())
    refusal_of(verifier, "a.b.c")
    feed.cut()

    assert eventually(lambda: len(heard) == 3)
    assert heard == ["verified", TokenDefect.MALFORMED, ("revocations", "UNAVAILABLE")]


def test_close_ends_the_threads_also_while_the_server_sleeps(
    feed: FeedServer, follow: Follow
) -> None:
    before = threading.active_count()
    verifier = follow()
    assert eventually(lambda: len(feed.asked_after) == 1)
    assert {"authsvc-revocations", "authsvc-keys"} <= {t.name for t in threading.enumerate()}
    verifier.close()
    verifier.close()

    mine = ("authsvc-revocations", "authsvc-keys", "authsvc-watchdog")
    assert not [t for t in threading.enumerate() if t.name in mine]
    assert before <= threading.active_count()


def test_the_library_imports_nothing_of_the_server_or_of_frameworks() -> None:
    program = (
        "import sys, authsvc.client, authsvc.client.interceptors, authsvc.client.asgi,"
        " authsvc.client.token_source;"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('starlette','fastapi','redis','sqlalchemy','pydantic','structlog','grpc_status')"
        " or m.startswith(('authsvc.domain','authsvc.stores','authsvc.transport'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
