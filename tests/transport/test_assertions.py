"""Client assertions (RFC 7523): each good one works once, and nothing else works at all."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import pytest
from authn.v1.service_account_service_pb2 import (
    DisableServiceAccountRequest,
    UpdateServiceAccountRequest,
)
from authn.v1.token_service_pb2 import VerifyTokenRequest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.callers import Caller, make_caller, service_token
from tests.service import Service, bearer
from tests.stores.races import at_once
from tests.transport.calls import issue_api_key, outcome
from tests.verify.minting import ED25519_KEY, JWKS, P256_KEY, RSA_KEY, named

KEYS = {"EdDSA": ED25519_KEY, "ES256": P256_KEY, "RS256": RSA_KEY}
Assertion = dict[str, Any]


@pytest.fixture(name="caller", scope="module")
def _caller(service: Service) -> Caller:
    keys = [{name: value for name, value in jwk.items() if name != "kid"} for jwk in JWKS.values()]
    return make_caller(service, "a", public_keys=keys)


def assertion(
    service: Service,
    name: str,
    *,
    algorithm: str = "EdDSA",
    key: object = None,
    header: Assertion | None = None,
    life: float = 60,
    **claims: object,
) -> str:
    """Sign an assertion; a claim that is None is left out."""
    given = {
        "iss": name,
        "sub": name,
        "aud": service.app.config.issuer,
        "exp": service.clock().timestamp() + life,
        "jti": secrets.token_hex(8),
        **claims,
    }
    signer: Any = key or KEYS[algorithm]
    return jwt.encode(
        {name: value for name, value in given.items() if value is not None},
        signer,
        algorithm,
        headers={"typ": "JWT", "kid": JWKS[algorithm]["kid"], **(header or {})},
    )


def answer(service: Service, text: str) -> str:
    """The reason for which an assertion is refused, or OK."""
    return outcome(lambda: service_token(service, client_assertion=text))


@pytest.mark.parametrize("algorithm", sorted(KEYS))
def test_a_service_proves_itself_by_what_it_signs(
    algorithm: str, service: Service, caller: Caller
) -> None:
    for _ in range(8):  # of ES256 signatures half have the higher s
        text = assertion(service, caller.name, algorithm=algorithm)
        token = service_token(service, client_assertion=text, scopes=["a"]).access_token

    claims = service.token.VerifyToken(VerifyTokenRequest(access_token=token)).claims
    assert (claims.subject, claims.client_id) == (caller.subject, caller.name)
    assert (list(claims.scopes), list(claims.amr)) == (["a"], ["pop"])


def test_an_assertion_counts_where_a_caller_is_required(production: Service) -> None:
    name = f"s{secrets.token_hex(8)}"
    issue_api_key(production, name=name, public_keys=tuple(JWKS.values()))

    assert answer(production, assertion(production, name)) == "OK"
    assert answer(production, "") == "CALLER_UNAUTHENTICATED"


def test_p_int_2_of_parallel_uses_of_an_assertion_one_succeeds(
    service: Service, caller: Caller
) -> None:
    text = assertion(service, caller.name)

    outcomes = at_once([partial(answer, service, text)] * 8)

    assert sorted(map(str, outcomes)) == ["CALLER_UNAUTHENTICATED"] * 7 + ["OK"]


def test_p_int_2_another_spelling_of_a_used_assertion_is_used_too(
    service: Service, caller: Caller
) -> None:
    jti = secrets.token_hex(8)
    texts = [assertion(service, caller.name, algorithm=name, jti=jti) for name in KEYS]
    assert [answer(service, text) for text in texts] == ["OK"] + ["CALLER_UNAUTHENTICATED"] * 2


Make = Callable[[Service, str], str]


def _foreign(service: Service, name: str) -> str:
    """Signed by a key of another service."""
    key = ed25519.Ed25519PrivateKey.generate()
    jwk = named(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "EdDSA")
    make_caller(service, public_keys=[jwk])
    return assertion(service, name, key=key, header={"kid": jwk["kid"]})


REFUSED: dict[str, Make] = {
    "expired": lambda s, n: assertion(s, n, life=-61),
    "for too long": lambda s, n: assertion(s, n, life=400),
    "without an end": lambda s, n: assertion(s, n, exp=None),
    "with an end that is no number": lambda s, n: assertion(s, n, exp="9999999999"),
    "with an end that is true": lambda s, n: assertion(s, n, exp=True),
    "not yet good": lambda s, n: assertion(s, n, nbf=s.clock().timestamp() + 120),
    "for nobody": lambda s, n: assertion(s, n, aud=None),
    "for another issuer": lambda s, n: assertion(s, n, aud=s.app.config.issuer + "/"),
    "for several": lambda s, n: assertion(s, n, aud=[s.app.config.issuer, "other"]),
    "without jti": lambda s, n: assertion(s, n, jti=None),
    "with an empty jti": lambda s, n: assertion(s, n, jti=""),
    "with an endless jti": lambda s, n: assertion(s, n, jti="j" * 256),
    "with a jti that is no text": lambda s, n: assertion(s, n, jti=7),
    "by another issuer": lambda s, n: assertion(s, n, iss="other"),
    "without a subject": lambda s, n: assertion(s, n, sub=None, iss=None),
    "of an unknown service": lambda s, _: assertion(s, "nobody"),
    "of a name that is none": lambda s, n: assertion(s, n.upper()),
    "of a name that no database takes": lambda s, n: assertion(s, n + "\0"),
    "of a number": lambda s, _: assertion(s, "", sub=7, iss="7"),
    "of another type": lambda s, n: assertion(s, n, header={"typ": "at+jwt"}),
    "with an unknown kid": lambda s, n: assertion(s, n, header={"kid": "A" * 43}),
    "with a header of the caller's": lambda s, n: assertion(s, n, header={"jku": "file:///x"}),
    "by a key of another algorithm": lambda s, n: assertion(
        s, n, algorithm="ES256", header={"kid": JWKS["EdDSA"]["kid"]}
    ),
    "by an unknown key": lambda s, n: assertion(s, n, key=ed25519.Ed25519PrivateKey.generate()),
    "by another service's key": _foreign,
    "with its signature cut off": lambda s, n: assertion(s, n).rpartition(".")[0] + ".",
    "with padding": lambda s, n: assertion(s, n) + "=",
    "with another payload": lambda s, n: ".".join(
        [(one := assertion(s, n).split("."))[0], assertion(s, n).split(".")[1], one[2]]
    ),
    "garbage": lambda _s, _n: "a.b.c",
    "no text at all": lambda _s, _n: "\ud7ff" * 10,
    "too long": lambda s, n: assertion(s, n, pad="x" * 8000),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=list(REFUSED))
def test_p_int_2_an_assertion_is_refused(make: Make, service: Service, caller: Caller) -> None:
    assert answer(service, make(service, caller.name)) == "CALLER_UNAUTHENTICATED"


def test_an_unsigned_assertion_and_one_by_a_shared_secret_are_refused(
    service: Service, caller: Caller
) -> None:
    good = assertion(service, caller.name)
    payload = jwt.decode(good, options={"verify_signature": False})
    kid = JWKS["EdDSA"]["kid"]
    for algorithm, key in (("none", None), ("HS256", JWKS["EdDSA"]["x"] * 2)):
        text = jwt.encode(payload, key, algorithm, headers={"typ": "JWT", "kid": kid})
        assert answer(service, text) == "CALLER_UNAUTHENTICATED"


def test_a_disabled_services_assertion_and_tokens_are_dead(service: Service) -> None:
    caller = make_caller(service, public_keys=[JWKS["EdDSA"]])
    token = service_token(service, client_assertion=assertion(service, caller.name)).access_token
    service.service_account.DisableServiceAccount(DisableServiceAccountRequest(name=caller.name))

    assert answer(service, assertion(service, caller.name)) == "CALLER_UNAUTHENTICATED"
    verify = VerifyTokenRequest(access_token=token)
    assert outcome(lambda: service.token.VerifyToken(verify)) == "TOKEN_INACTIVE"


def test_p_int_1_an_assertion_and_a_key_must_be_of_one_service(
    service: Service, caller: Caller
) -> None:
    other = make_caller(service)

    def issue(by: tuple[tuple[str, str], ...]) -> str:
        text = assertion(service, caller.name)
        return outcome(lambda: service_token(service, by, client_assertion=text))

    assert issue(other.metadata) == "CALLER_UNAUTHENTICATED"
    assert issue(caller.metadata) == "OK"
    assert issue(bearer(service_token(service, caller.metadata).access_token)) == "OK"


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "oct", "alg": "HS256"},
        {name: value for name, value in JWKS["EdDSA"].items() if name != "alg"},
        {**JWKS["EdDSA"], "alg": "ES256"},
        {**JWKS["EdDSA"], "kid": "mine"},
        {**JWKS["EdDSA"], "use": "enc"},
        {**JWKS["ES256"], "x": JWKS["ES256"]["y"]},
    ],
)
def test_p_key_2_only_good_public_keys_are_kept(
    key: dict[str, str], service: Service, caller: Caller
) -> None:
    request = UpdateServiceAccountRequest(
        name=caller.name, public_keys=[key], update_mask={"paths": ["public_keys"]}
    )
    assert (
        outcome(lambda: service.service_account.UpdateServiceAccount(request)) == "INVALID_REQUEST"
    )
