"""Good tokens give exactly the claims they were issued with, to the second."""

import math

import pytest

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Actor, Claims, Delegation
from authsvc.verify.keyring import KeyRing
from authsvc.verify.verifier import TokenVerifier

from .minting import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    JWKS,
    LEEWAY,
    MAX_LIFETIME,
    NOW,
    RING,
    VERIFIER,
    encode,
    mint,
    with_claims,
    with_header,
    with_payload,
)

EXPECTED = Claims(
    issuer=ISSUER,
    subject=CLAIMS["sub"],
    session_id=CLAIMS["sid"],
    token_id=CLAIMS["jti"],
    client_id="web",
    audience=AUDIENCE,
    scopes=("orders.read", "orders.write"),
    roles=("clerk",),
    issued_at=CLAIMS["iat"],
    expires_at=CLAIMS["exp"],
    authenticated_at=CLAIMS["auth_time"],
    amr=("pwd", "otp"),
    acr="aal2",
    epoch=3,
    actor="",
)


def _verify(token: str, *, now: float = NOW) -> Claims:
    return VERIFIER.verify(token, keys=RING, audience=AUDIENCE, now=now)


def _defect(token: str, *, now: float = NOW) -> TokenDefect:
    with pytest.raises(TokenInactive) as refusal:
        _verify(token, now=now)
    return refusal.value.defect


@pytest.mark.parametrize("algorithm", JWKS)
def test_p_tok_1_a_token_of_each_algorithm_gives_its_claims(algorithm: str) -> None:
    """EdDSA, ES256 and RS256."""
    assert _verify(mint(algorithm)) == EXPECTED


def test_p_tok_1_a_key_of_another_ring_is_unknown() -> None:
    """A revoked or foreign key verifies nothing."""
    with pytest.raises(TokenInactive) as refusal:
        VERIFIER.read(mint(), keys=KeyRing(()))

    assert refusal.value.defect is TokenDefect.UNKNOWN_KEY


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt"])
def test_p_tok_2_the_two_names_of_the_type_are_accepted(typ: str) -> None:
    """RFC 9068, 2.1 and 4."""
    assert _verify(with_header(typ=typ)) == EXPECTED


def test_p_tok_3_claims_that_may_be_missing_have_defaults() -> None:
    """Scope, roles, amr, acr and act; claims nobody knows are ignored."""
    token = mint(extra={"n": [1.5, -2, None, True]})
    bare = with_payload(
        (
            f'{{"iss":"{ISSUER}","sub":"svc_1","aud":"orders","exp":{NOW + 1},"iat":{NOW},"jti":"j",'
            '"client_id":"c","sid":"s","auth_time":0,"epoch":0}'
        ).encode()
    )

    claims = _verify(bare)

    assert (claims.scopes, claims.roles, claims.amr, claims.acr, claims.actor) == ((),) * 3 + (
        "",
    ) * 2
    assert _verify(token) == EXPECTED


def test_p_int_3_the_actor_is_the_subject_of_act() -> None:
    """RFC 8693, 4.1; earlier actors are for the log of the exchange."""
    gateway, edge = (Actor(f"svc_{name}", 2, "C" * 22) for name in ("gateway", "edge"))
    inner = {"sub": edge.subject, "epoch": 2, "sid": edge.session_id}
    act = {"sub": gateway.subject, "epoch": 2, "sid": gateway.session_id, "act": inner}
    token = mint(act=act, lineage=["D" * 22, "E" * 22])
    delegation = Delegation((gateway, edge), ("D" * 22, "E" * 22))

    assert _verify(token) == EXPECTED._replace(actor="svc_gateway", delegation=delegation)


def test_p_key_3_what_comes_from_a_token_of_a_key_that_is_gone_is_refused() -> None:
    """Whatever key has signed it itself."""
    act = {"sub": "svc_gateway", "epoch": 2, "sid": "C" * 22}
    known, gone = JWKS["ES256"]["kid"], "E" * 43
    inner = {**act, "act": act}

    for keys in ([], [known], [known, JWKS["EdDSA"]["kid"]]):
        token = mint(act=inner, lineage=["D" * 22] * 2, lineage_keys=keys)
        found = _verify(token).delegation
        assert found is not None
        assert found.key_ids == tuple(keys)
    for keys in ([gone], [known, gone], [gone, known]):
        token = mint(act=inner, lineage=["D" * 22] * 2, lineage_keys=keys)
        assert _defect(token) is TokenDefect.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("lone_prefix", "subject"), [("acc_", "acc_1"), ("svc_", "svc_1")], ids=["people", "services"]
)
def test_p_tok_8_subjects_of_people_and_services_differ_in_their_prefix(
    lone_prefix: str, subject: str
) -> None:
    """The prefix is part of the name and no name by itself."""
    assert _verify(mint(sub=subject)).subject == subject
    assert _defect(mint(sub=lone_prefix)) is TokenDefect.CLAIMS


def test_p_tok_3_times_are_exact_to_the_second() -> None:
    """Leeway counts, and not a moment more."""
    token = mint()
    first, last = CLAIMS["iat"] - LEEWAY, CLAIMS["exp"] + LEEWAY

    assert _verify(token, now=first) == _verify(token, now=last - 0.001) == EXPECTED
    assert _defect(token, now=first - 0.001) is TokenDefect.NOT_YET_VALID
    assert _defect(token, now=last) is TokenDefect.EXPIRED


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf, -1.0, 0.0])
def test_p_tok_3_a_senseless_now_accepts_nothing(now: float) -> None:
    """A broken clock fails closed."""
    early = now < NOW

    assert _defect(mint(), now=now) is (TokenDefect.NOT_YET_VALID if early else TokenDefect.EXPIRED)


def test_p_tok_3_the_longest_lifetime_is_accepted() -> None:
    """At most, not less than."""
    assert _verify(mint(iat=NOW, exp=NOW + MAX_LIFETIME)).expires_at == NOW + MAX_LIFETIME


def test_p_tok_3_read_judges_neither_issuer_nor_audience_nor_time() -> None:
    """What ExplainToken needs; the signature is judged."""
    claims = VERIFIER.read(with_claims(iss="x", aud="y", exp=1, iat=2), keys=RING)

    assert (claims.issuer, claims.audience, claims.expires_at) == ("x", "y", 1)
    with pytest.raises(TokenInactive) as refusal:
        VERIFIER.read(with_header(lambda _: bytes(64)), keys=RING)
    assert refusal.value.defect is TokenDefect.SIGNATURE


def test_p_tok_1_to_5_the_first_defect_in_the_order_of_the_enum_is_named() -> None:
    """Each token has all the later defects as well."""

    def no_signature(_: bytes) -> bytes:
        return bytes(64)

    later = with_header(no_signature, typ="x", kid="x", alg="x", crit=[])
    header, _, signature = later.split(".")
    everything = {"iss": "x", "aud": "x", "exp": 1, "iat": 2**52}

    assert _defect(f"{header}.{encode(b'[]')}.{signature}") is TokenDefect.MALFORMED
    assert _defect(later) is TokenDefect.HEADER
    assert _defect(with_header(no_signature, typ="x", kid="x", alg="x")) is TokenDefect.TYPE
    assert _defect(with_header(no_signature, kid="x", alg="x")) is TokenDefect.UNKNOWN_KEY
    assert _defect(with_header(no_signature, alg="x")) is TokenDefect.ALGORITHM
    assert _defect(with_claims(**everything, sub=1)) is TokenDefect.CLAIMS
    assert _defect(with_claims(**everything)) is TokenDefect.ISSUER
    assert _defect(with_claims(**{**everything, "iss": ISSUER})) is TokenDefect.AUDIENCE
    assert _defect(with_claims(exp=1, iat=2**52)) is TokenDefect.EXPIRED
    assert _defect(with_claims(exp=2**53 - 1, iat=2**52)) is TokenDefect.NOT_YET_VALID


@pytest.mark.parametrize(
    "policy",
    [
        {"issuer": "", "max_lifetime": 600, "leeway": 5},
        {"issuer": ISSUER, "max_lifetime": 0, "leeway": 5},
        {"issuer": ISSUER, "max_lifetime": 600, "leeway": 61},
        {"issuer": ISSUER, "max_lifetime": 600, "leeway": -1},
    ],
)
def test_p_tok_3_a_policy_without_bounds_is_refused(policy: dict[str, object]) -> None:
    """Leeway is at most 60 s."""
    with pytest.raises(ValueError, match="leeway"):
        TokenVerifier(**policy)  # type: ignore[arg-type]
