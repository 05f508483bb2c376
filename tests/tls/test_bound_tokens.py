"""Tokens that are bound to a client certificate work with it alone (P-INT-2; RFC 8705, 3)."""

from typing import Any

import pytest
from authn.v1.token_service_pb2 import (
    ExchangeTokenRequest,
    ExplainTokenRequest,
    IntrospectTokenRequest,
    IssueServiceTokenRequest,
    TokenDefect,
    VerifyTokenRequest,
    VerifyTokensRequest,
)
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.service import bearer
from tests.tls.certificates import Pair, spiffe
from tests.tls.conftest import Mutual
from tests.transport.calls import by_key, outcome

SCOPES = ("authsvc.tokens.exchange", "authsvc.tokens.introspect", "authsvc.tokens.explain")


@pytest.fixture(name="grpcio_only", autouse=True)
def _grpcio_only(transport: str) -> None:
    if transport != "grpcio":
        pytest.skip("the native transport has no TLS")


def sha256(pair: Pair) -> bytes:
    """The SHA-256 of a certificate."""
    return x509.load_pem_x509_certificate(pair.certificate).fingerprint(SHA256())


def holder(mutual: Mutual, name: str, **fields: Any) -> Pair:
    """A service with a certificate of its own."""
    own = {"own_audiences": ("authsvc",)}
    mutual.service_account(spiffe(name).value, scopes=SCOPES, **(own | fields))
    return mutual.certified(spiffe(name))


def issue(mutual: Mutual, pair: Pair, **fields: Any) -> str:
    """Get a service its token."""
    with mutual.channel(pair) as channel:
        request = IssueServiceTokenRequest(scopes=SCOPES, **fields)
        return TokenServiceStub(channel).IssueServiceToken(request).access_token


def test_p_int_2_a_bound_token_is_active_with_its_certificate_alone(mutual: Mutual) -> None:
    one, other = holder(mutual, "bound-one"), holder(mutual, "bound-other")
    token = issue(mutual, one, bind_to_certificate=True)
    with mutual.channel(other) as channel:
        stub = TokenServiceStub(channel)

        def ask(shown: bytes) -> str:
            request = VerifyTokenRequest(access_token=token, certificate_sha256=shown)
            return outcome(lambda: stub.VerifyToken(request))

        answers = [ask(shown) for shown in (sha256(one), sha256(other), bytes(32), b"", b"x")]
        batch = stub.VerifyTokens(VerifyTokensRequest(access_tokens=[token]))
        known = stub.IntrospectToken(IntrospectTokenRequest(token=token))
        asks = ExplainTokenRequest(access_token=token, certificate_sha256=sha256(other))
        explained = stub.ExplainToken(asks)
        asks.certificate_sha256 = sha256(one)
        is_explained = stub.ExplainToken(asks).active

    inactive = "TOKEN_INACTIVE"
    assert answers == ["OK", inactive, inactive, inactive, "INVALID_REQUEST"]
    assert batch.results[0].WhichOneof("result") == "error_reason"
    assert known.active
    assert explained.defect == TokenDefect.TOKEN_DEFECT_CERTIFICATE
    assert is_explained
    assert known.claims.certificate_sha256 == sha256(one)


def test_p_int_2_a_bound_token_calls_over_its_own_certificate_alone(mutual: Mutual) -> None:
    one, other = holder(mutual, "caller-one"), holder(mutual, "caller-other")
    unnamed = mutual.certified(spiffe("nobody"))
    token = issue(mutual, one, bind_to_certificate=True)
    free = issue(mutual, one)

    def call(pair: Pair, by: str) -> str:
        request = IntrospectTokenRequest(token="x")
        with mutual.channel(pair) as channel:
            stub = TokenServiceStub(channel)
            return outcome(lambda: stub.IntrospectToken(request, metadata=bearer(by)))

    assert call(one, token) == "OK"
    assert call(unnamed, token) == "CALLER_UNAUTHENTICATED"
    assert call(other, token) != "OK"
    assert call(unnamed, free) == "OK"


def test_p_int_2_what_a_bound_token_is_exchanged_for_is_bound(mutual: Mutual) -> None:
    one, two = holder(mutual, "exchange-one"), holder(mutual, "exchange-two")
    bound = issue(mutual, one, bind_to_certificate=True)
    with mutual.channel(two) as channel:
        stub = TokenServiceStub(channel)

        def exchange(shown: bytes) -> str:
            request = ExchangeTokenRequest(subject_token=bound, subject_certificate_sha256=shown)
            return stub.ExchangeToken(request).access_token

        new = exchange(sha256(one))
        for shown in (b"", sha256(two)):
            assert outcome(lambda s=shown: exchange(s)) == "TOKEN_INACTIVE"  # type: ignore[misc]
        for shown, answer in ((sha256(two), "OK"), (sha256(one), "TOKEN_INACTIVE")):
            request = VerifyTokenRequest(access_token=new, certificate_sha256=shown)
            assert outcome(lambda r=request: stub.VerifyToken(r)) == answer  # type: ignore[misc]


def test_what_is_to_be_bound_binds_to_the_certificate_of_the_connection(mutual: Mutual) -> None:
    """A certificate that names no service binds as well: the key proves who calls."""
    key = mutual.service_account(scopes=SCOPES)
    unnamed = mutual.certified(spiffe("a-proxy"))
    with mutual.channel(unnamed) as channel:
        stub = TokenServiceStub(channel)
        request = IssueServiceTokenRequest(bind_to_certificate=True)
        token = stub.IssueServiceToken(request, metadata=by_key(key)).access_token
        ask = VerifyTokenRequest(access_token=token, certificate_sha256=sha256(unnamed))
        verified = stub.VerifyToken(ask, metadata=by_key(key))
    assert verified.claims.certificate_sha256 == sha256(unnamed)
