"""Public keys, and the one algorithm that each may be used with (RFC 7517, RFC 8725 3.1).

A key is named by its RFC 7638 thumbprint, so that a name can't be given to another key. Every
signature has one accepted spelling (P-TOK-5).
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from authsvc.verify.jws import decode_base64url

_Check = Callable[[bytes, bytes], bool]
"""Tells whether a signature (first) is that of the signing input (second)."""

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COORDINATE_BYTES = 32
_ED25519_SIGNATURE_BYTES = 64
_ES256_SIGNATURE_BYTES = 64
_RSA_MIN_BITS = 2048  # RFC 7518, 3.3

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_THUMBPRINT_MEMBERS = {
    "OKP": ("crv", "kty", "x"),
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Compute the SHA-256 thumbprint of a key (RFC 7638; RFC 8037, 2 for OKP).

    Raises:
        ValueError: The kty is not OKP, EC or RSA, or a member that it needs is missing.

    """
    kty = _member(jwk, "kty")
    if kty not in _THUMBPRINT_MEMBERS:
        _refuse("unknown kty")
    members = {name: _member(jwk, name) for name in _THUMBPRINT_MEMBERS[kty]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that checks the signatures of one algorithm."""

    key_id: str
    """The `kid`: the RFC 7638 thumbprint."""
    algorithm: str
    """`EdDSA`, `ES256` or `RS256`."""
    verify: _Check = field(repr=False, compare=False)
    """Tells whether a signature (first) is the one of a signing input. Never raises."""

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, str]) -> "VerificationKey":
        """Read a public JWK with `alg` and `kid`; members that RFC 7517 doesn't know are ignored.

        Raises:
            ValueError: The key is private, symmetric, weak, not on its curve, not spelled
                canonically, meant for another use or algorithm, or not named by its thumbprint.

        """
        if not _PRIVATE_MEMBERS.isdisjoint(jwk):
            _refuse("a verification key has no private members")
        if jwk.get("use", "sig") != "sig":
            _refuse("the key is not for signatures")
        kind = (_member(jwk, "kty"), jwk.get("crv"), _member(jwk, "alg"))
        if kind not in _CHECKS:
            _refuse("kty, crv and alg do not belong together")
        if _member(jwk, "kid") != thumbprint(jwk):
            _refuse("kid is not the thumbprint of the key")
        return cls(jwk["kid"], jwk["alg"], _CHECKS[kind](jwk))


class KeyRing:
    """The keys that tokens are checked with; it never changes, a new ring replaces it."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        """Hold the keys.

        Raises:
            ValueError: Two have the same `kid`.

        """
        self._keys: dict[str, VerificationKey] = {}
        for key in keys:
            if key.key_id in self._keys:
                _refuse("two keys have the same kid")
            self._keys[key.key_id] = key

    def find(self, key_id: str) -> VerificationKey | None:
        """Give the key of that `kid`, or None."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[VerificationKey]:
        """Go through the keys in the order in which they were given."""
        return iter(self._keys.values())

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._keys)


def _ed25519(jwk: Mapping[str, str]) -> _Check:
    """RFC 8037. libsodium itself refuses S >= L and an R that is not canonical."""
    point = _octets(jwk, "x")
    if len(point) != _COORDINATE_BYTES or not crypto_core_ed25519_is_valid_point(point):
        _refuse("x is no point of prime order on Ed25519")

    def check(signature: bytes, signing_input: bytes) -> bool:
        if len(signature) != _ED25519_SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + signing_input, point)
        except BadSignatureError:
            return False
        return True

    return check


def _es256(jwk: Mapping[str, str]) -> _Check:
    """RFC 7518, 3.4: r and s, 32 bytes each. Of (r, s) and (r, n - s) only the lower s passes."""
    x, y = _octets(jwk, "x"), _octets(jwk, "y")
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        _refuse("x and y of P-256 have 32 bytes")
    numbers = ec.EllipticCurvePublicNumbers(_unsigned(x), _unsigned(y), ec.SECP256R1())
    key = numbers.public_key()

    def check(signature: bytes, signing_input: bytes) -> bool:
        if len(signature) != _ES256_SIGNATURE_BYTES:
            return False
        r, s = _unsigned(signature[:_COORDINATE_BYTES]), _unsigned(signature[_COORDINATE_BYTES:])
        if not (0 < r < _P256_ORDER and 0 < s <= _P256_ORDER // 2):
            return False
        try:
            key.verify(encode_dss_signature(r, s), signing_input, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    return check


def lower_s(signature: bytes) -> bytes:
    """Of the ES256 signatures (r, s) and (r, n - s), both good, give the one that passes here."""
    s = _unsigned(signature[_COORDINATE_BYTES:])
    if not _P256_ORDER // 2 < s < _P256_ORDER:
        return signature
    return signature[:_COORDINATE_BYTES] + (_P256_ORDER - s).to_bytes(_COORDINATE_BYTES)


def _rs256(jwk: Mapping[str, str]) -> _Check:
    """RFC 7518, 3.3. OpenSSL refuses a signature of another length or not below the modulus."""
    n, e = _octets(jwk, "n"), _octets(jwk, "e")
    if n.startswith(b"\0") or e.startswith(b"\0"):
        _refuse("n and e have no leading zeros")
    key = rsa.RSAPublicNumbers(_unsigned(e), _unsigned(n)).public_key()
    if key.key_size < _RSA_MIN_BITS:
        _refuse("RSA keys have at least 2048 bits")

    def check(signature: bytes, signing_input: bytes) -> bool:
        try:
            key.verify(signature, signing_input, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    return check


_CHECKS: dict[tuple[str, str | None, str], Callable[[Mapping[str, str]], _Check]] = {
    ("OKP", "Ed25519", "EdDSA"): _ed25519,
    ("EC", "P-256", "ES256"): _es256,
    ("RSA", None, "RS256"): _rs256,
}
"""The algorithms there are, by kty, crv and alg."""


def _member(jwk: Mapping[str, str], name: str) -> str:
    value = jwk.get(name)
    if type(value) is not str:
        _refuse(f"{name} is missing or not a string")
    return value


def _octets(jwk: Mapping[str, str], name: str) -> bytes:
    return decode_base64url(_member(jwk, name).encode())


def _unsigned(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)
