"""Answers are written once for the same claims, and never taken for those of others."""

from authn.v1.token_pb2 import TokenClaims

from authsvc.transport.messages import token_claims
from authsvc.transport.written import Written
from authsvc.verify.claims import Claims

CLAIMS = Claims(
    issuer="https://issuer.example",
    subject="acc_" + "0" * 32,
    session_id="sid",
    token_id="jti",
    client_id="public",
    audience="internal",
    scopes=("read",),
    roles=(),
    issued_at=1,
    expires_at=2,
    authenticated_at=1,
    amr=("pwd",),
    acr="aal1",
    epoch=0,
    actor="",
)


def test_the_same_claims_are_written_once() -> None:
    """The second answer costs no writing."""
    written = []

    def write(claims: Claims) -> TokenClaims:
        written.append(claims)
        return token_claims(claims)

    answers = Written(write)

    assert answers.of(CLAIMS) == answers.of(CLAIMS) == token_claims(CLAIMS).SerializeToString()
    assert len(written) == 1


def test_p_tok_7_claims_that_come_and_go_at_one_place_in_memory_are_told_apart() -> None:
    """Claims are known by identity: one that is gone must not lend its answer to the next."""
    answers = Written(token_claims)

    for number in range(50_000):
        claims = CLAIMS._replace(token_id=f"jti-{number}")
        assert TokenClaims.FromString(answers.of(claims)).token_id == claims.token_id
