"""Vectors of which keys are believed."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm

from authsvc.verify.keyring import thumbprint
from tests.vectors.contents import ACTIVE, INACTIVE, USUAL, Case, Context, Group
from tests.vectors.tokens import signed_with
from tests.verify.minting import JWKS, SHORT_RSA_KEY, encode, named, without

Jwk = dict[str, str]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LAST_MEMBER = {"EdDSA": "x", "ES256": "y", "RS256": "n"}
_ANOTHER = {"EdDSA": "ES256", "ES256": "RS256", "RS256": "EdDSA"}


def keys() -> Group:
    """Unsound keys, each of which loses its own tokens and no others."""
    return Group(
        name="keys",
        about="A key is sound, named by its thumbprint, and good for one algorithm.",
        cases=[*_missing(), *_unsound(), _short(), *_sets()],
    )


def _with(*jwks: Jwk) -> Context:
    return replace(USUAL, keys=jwks)


def _all_but(algorithm: str) -> list[Jwk]:
    return [jwk for name, jwk in JWKS.items() if name != algorithm]


def _missing() -> Iterator[Case]:
    for algorithm in JWKS:
        yield Case(
            name=f"{algorithm}: there is no such key",
            token=signed_with(algorithm),
            context=_with(*_all_but(algorithm)),
            decision=INACTIVE,
            defect="UNKNOWN_KEY",
        )


def _unsound() -> Iterator[Case]:
    for algorithm in JWKS:
        for name, jwk in {**_misnamed(algorithm), **_misspelt(algorithm)}.items():
            yield Case(
                name=f"{algorithm}: {name}",
                token=signed_with(algorithm, key_id=jwk["kid"]),
                context=_with(*_all_but(algorithm), jwk),
                decision=INACTIVE,
                defect="UNKNOWN_KEY",
            )


def _misnamed(algorithm: str) -> dict[str, Jwk]:
    """Give the usual key of an algorithm, with something wrong beside its numbers."""
    jwk, another = JWKS[algorithm], _ANOTHER[algorithm]
    changes = {
        "for encryption": {"use": "enc"},
        "without a name": {"kid": ""},
        "with a name that is no thumbprint": {"kid": "1"},
        "with the thumbprint of another": {"kid": encode(bytes(32))},
        "without alg": {"alg": ""},
        "for HMAC": {"alg": "HS256"},
        "for another algorithm": {"alg": another},
        "of no kty": {"kty": ""},
        "of another kty": {"kty": JWKS[another]["kty"]},
        "of a symmetric kty": {"kty": "oct"},
    }
    return {name: {**jwk, **change} for name, change in changes.items()}


def _misspelt(algorithm: str) -> dict[str, Jwk]:
    """Give the usual key of an algorithm in other words, named by their own thumbprint."""
    jwk, member = JWKS[algorithm], _LAST_MEMBER[algorithm]
    number = jwk[member]
    changes = {
        "with padding": {member: number + "="},
        "with other tail bits": {member: number[:-1] + _LETTERS[_LETTERS.index(number[-1]) + 1]},
        "with a space": {member: " " + number},
        "cut": {member: number[:-4]},
        "empty": {member: ""},
    }
    if algorithm == "RS256":
        changes["with leading zeros"] = {"e": encode(b"\0\1\0\1")}
    else:
        changes["on a curve that is not known"] = {"crv": "P-384"}
        changes["with leading zeros"] = {member: encode(bytes(3)) + number}
    if algorithm == "ES256":
        changes["not on its curve"] = {"x": encode(bytes(31) + b"\1")}
    return {
        name: {**jwk, **change, "kid": thumbprint({**jwk, **change})}
        for name, change in changes.items()
    }


def _short() -> Case:
    public = SHORT_RSA_KEY.public_key()
    jwk = named(RSAAlgorithm.to_jwk(public, as_dict=True), "RS256")

    def sign(signing_input: bytes) -> bytes:
        return SHORT_RSA_KEY.sign(signing_input, padding.PKCS1v15(), SHA256())

    return Case(
        name="RS256: of 1024 bits",
        token=signed_with("RS256", key_id=jwk["kid"], sign=sign),
        context=_with(*JWKS.values(), jwk),
        decision=INACTIVE,
        defect="UNKNOWN_KEY",
    )


def _sets() -> Iterator[Case]:
    good, token = JWKS["EdDSA"], signed_with("EdDSA")
    unsound = {**JWKS["ES256"], "alg": "ES257"}
    sets = {
        "beside an unsound one": (unsound, good),
        "beside one of a kind that is not known": ({**unsound, "kty": "AKP"}, good),
        "given twice": (good, good),
        "without use": (without(good, "use"),),
    }
    for name, jwks in sets.items():
        yield Case(name=f"a key {name}", token=token, context=_with(*jwks), decision=ACTIVE)
