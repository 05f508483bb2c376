"""Only public, strong, rightly named keys of the three algorithms make it into a key ring."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from authsvc.verify.keyring import KeyRing, VerificationKey, thumbprint

from .minting import JWKS, P256_KEY, RSA_KEY, encode, named, without

SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
"""Points of Ed25519 under which anybody can sign anything."""


def _renamed(algorithm: str, **members: str) -> dict[str, str]:
    """Give a published key other members, and the kid that these then have."""
    return named({**JWKS[algorithm], **members}, members.get("alg", algorithm))


def _weak_rsa(bits: int) -> dict[str, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return named(RSAAlgorithm.to_jwk(private.public_key(), as_dict=True), "RS256")


def _other_curve() -> dict[str, str]:
    private = ec.generate_private_key(ec.SECP384R1())
    return named(ECAlgorithm.to_jwk(private.public_key(), as_dict=True), "ES256")


def _refused() -> dict[str, dict[str, Any]]:
    eddsa, es256, rs256 = JWKS["EdDSA"], JWKS["ES256"], JWKS["RS256"]
    cases: dict[str, dict[str, Any]] = {
        "empty": {},
        "oct": {"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "x"},
        "oct without k": {"kty": "oct", "alg": "HS256", "kid": "x"},
        "private RSA": {**RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True), **rs256},
        "private EC": {**ECAlgorithm.to_jwk(P256_KEY, as_dict=True), **es256},
        "encryption": {**eddsa, "use": "enc"},
        "use null": {**eddsa, "use": None},
        "kid of another key": {**eddsa, "kid": es256["kid"]},
        "kid a name": {**eddsa, "kid": "key-1"},
        "kid a number": {**eddsa, "kid": 1},
        "alg HS256": {**eddsa, "alg": "HS256"},
        "alg none": {**eddsa, "alg": "none"},
        "alg ES256 with OKP": {**eddsa, "alg": "ES256"},
        "alg EdDSA with EC": {**es256, "alg": "EdDSA"},
        "alg PS256": {**rs256, "alg": "PS256"},
        "X25519": _renamed("EdDSA", crv="X25519"),
        "P-384": _other_curve(),
        "RSA with a curve": {**rs256, "crv": "P-256"},
        "RSA 1024": _weak_rsa(1024),
        "RSA 2040": _weak_rsa(2040),
        "RSA e=1": _renamed("RS256", e="AQ"),
        "RSA e even": _renamed("RS256", e="AQAA"),
        "RSA n with leading zero": _renamed("RS256", n=encode(b"\0" + bytes(256))),
        "RSA e with leading zero": _renamed("RS256", e="AAEAAQ"),
        "EC not on the curve": _renamed("ES256", x=es256["y"], y=es256["x"]),
        "EC at infinity": _renamed("ES256", x=encode(bytes(32)), y=encode(bytes(32))),
        "EC short x": _renamed("ES256", x="AAAA"),
        "Ed25519 short": _renamed("EdDSA", x="AAAA"),
        "Ed25519 padded": _renamed("EdDSA", x=eddsa["x"] + "="),
        "Ed25519 tail bits": _renamed("EdDSA", x=eddsa["x"][:-1] + chr(ord(eddsa["x"][-1]) + 1)),
        "Ed25519 not text": {**eddsa, "x": 1},
        "Ed25519 not ASCII": _renamed("EdDSA", x="é" * 43),
    }
    for private in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        cases[f"private member {private}"] = {**eddsa, private: "AAAA"}
    for name in ("kty", "crv", "x", "alg", "kid"):
        cases[f"no {name}"] = without(eddsa, name)
    for number, point in enumerate(SMALL_ORDER):
        cases[f"Ed25519 small order {number}"] = _renamed("EdDSA", x=encode(bytes.fromhex(point)))
    return cases


REFUSED = _refused()


@pytest.mark.parametrize("name", REFUSED)
def test_p_key_2_a_key_that_should_not_be_published_is_refused(name: str) -> None:
    """Private, symmetric, weak, misnamed, off its curve, or for something else."""
    with pytest.raises(ValueError):
        VerificationKey.from_jwk(REFUSED[name])


@pytest.mark.parametrize("algorithm", JWKS)
def test_p_tok_1_a_key_has_one_algorithm_and_the_name_of_its_thumbprint(algorithm: str) -> None:
    """Members that RFC 7517 doesn't know change nothing."""
    key = VerificationKey.from_jwk({**JWKS[algorithm], "example": "x"})

    assert (key.algorithm, key.key_id) == (algorithm, thumbprint(JWKS[algorithm]))


@pytest.mark.parametrize("jwk", [{}, {"kty": "oct", "k": "AAAA"}, {"kty": "OKP", "crv": "Ed25519"}])
def test_p_key_1_what_has_no_thumbprint_is_refused(jwk: dict[str, str]) -> None:
    """Symmetric keys are never named, incomplete ones cannot be."""
    with pytest.raises(ValueError):
        thumbprint(jwk)


def test_p_key_2_a_ring_holds_each_kid_once() -> None:
    """A second key of the same name would make the first one ambiguous."""
    key = VerificationKey.from_jwk(JWKS["EdDSA"])

    with pytest.raises(ValueError, match="same kid"):
        KeyRing([key, key])


def test_p_key_2_a_ring_finds_what_it_holds_and_nothing_else() -> None:
    """Find, iterate, count; unknown names give None."""
    keys = [VerificationKey.from_jwk(jwk) for jwk in JWKS.values()]

    ring = KeyRing(keys)

    assert list(ring) == keys
    assert len(ring) == len(keys)
    assert all(ring.find(key.key_id) is key for key in keys)
    assert ring.find("") is None
    assert KeyRing(()).find(keys[0].key_id) is None
