"""Makes test tokens, good ones and ones that no decent issuer would make; the same each time."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from authsvc.verify.keyring import KeyRing, VerificationKey, thumbprint
from authsvc.verify.verifier import TokenVerifier

ISSUER = "https://auth.example"
AUDIENCE = "orders"
NOW = 1_800_000_000
MAX_LIFETIME = 900
LEEWAY = 5
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493

ED25519_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256_KEY = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())


def _prime(name: bytes, size: int, distance: int) -> int:
    """Give the prime of so many bytes that follows a hash of the name at this distance."""
    start = int.from_bytes(hashlib.shake_256(name).digest(size), "big")
    return (start | 3 << 8 * size - 2 | 1) + distance


def _rsa_key(size: int, *distances: int) -> rsa.RSAPrivateKey:
    p, q = map(_prime, (b"p", b"q"), (size // 2, size // 2), distances)
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    ).private_key()


RSA_KEY = _rsa_key(256, 816, 114)
SHORT_RSA_KEY = _rsa_key(128, 22, 172)
"""Too short to be believed."""


def named(jwk: dict[str, Any], algorithm: str) -> dict[str, str]:
    """Complete a public JWK as the server publishes it."""
    jwk = {name: value for name, value in jwk.items() if name != "key_ops"}
    return {**jwk, "use": "sig", "alg": algorithm, "kid": thumbprint(jwk)}


JWKS = {
    "EdDSA": named(OKPAlgorithm.to_jwk(ED25519_KEY.public_key(), as_dict=True), "EdDSA"),
    "ES256": named(ECAlgorithm.to_jwk(P256_KEY.public_key(), as_dict=True), "ES256"),
    "RS256": named(RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "RS256"),
}
RING = KeyRing(VerificationKey.from_jwk(jwk) for jwk in JWKS.values())
VERIFIER = TokenVerifier(issuer=ISSUER, max_lifetime=MAX_LIFETIME, leeway=LEEWAY)

CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "acc_0193a5f0c0de7000800000000000beef",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW - 300,
    "jti": "B" * 22,
    "client_id": "web",
    "sid": "A" * 22,
    "scope": "orders.read orders.write",
    "roles": ["clerk"],
    "amr": ["pwd", "otp"],
    "acr": "aal2",
    "auth_time": NOW - 1000,
    "epoch": 3,
}
HEADER: dict[str, Any] = {"alg": "EdDSA", "typ": "at+jwt", "kid": JWKS["EdDSA"]["kid"]}


def encode(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def low_s(signature: bytes) -> bytes:
    """Choose the one of (r, s) and (r, n - s) whose s is low."""
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + min(s, P256_ORDER - s).to_bytes(32, "big")


def sign_ed25519(signing_input: bytes) -> bytes:
    """EdDSA."""
    return ED25519_KEY.sign(signing_input)


def sign_es256(signing_input: bytes) -> bytes:
    """ES256, with a low s."""
    algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979
    r, s = decode_dss_signature(P256_KEY.sign(signing_input, algorithm))
    return low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def sign_rs256(signing_input: bytes) -> bytes:
    """RS256."""
    return RSA_KEY.sign(signing_input, padding.PKCS1v15(), SHA256())


SIGN: dict[str, Callable[[bytes], bytes]] = {
    "EdDSA": sign_ed25519,
    "ES256": sign_es256,
    "RS256": sign_rs256,
}


def assemble(header: bytes, payload: bytes, sign: Callable[[bytes], bytes] = sign_ed25519) -> str:
    """Sign exactly these bytes."""
    signing_input = f"{encode(header)}.{encode(payload)}"
    return f"{signing_input}.{encode(sign(signing_input.encode()))}"


def der_signature(signing_input: bytes) -> bytes:
    """ES256 in DER, which JWS does not use."""
    raw = sign_es256(signing_input)
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    """All members but one."""
    return {key: value for key, value in members.items() if key != name}


def with_header(sign: Callable[[bytes], bytes] = sign_ed25519, **members: Any) -> str:
    """Make a token with good claims, signed, whose header has other members."""
    return assemble(json.dumps({**HEADER, **members}).encode(), json.dumps(CLAIMS).encode(), sign)


def with_claims(**members: Any) -> str:
    """Make a token with a good header and signature, whose claims are others."""
    return assemble(json.dumps(HEADER).encode(), json.dumps({**CLAIMS, **members}).encode())


def with_payload(payload: bytes) -> str:
    """Make a token with a good header and signature around any bytes."""
    return assemble(json.dumps(HEADER).encode(), payload)


def mint(algorithm: str = "EdDSA", **claims: Any) -> str:
    """Make a good token as the server makes it (PyJWT), with a low s for ES256."""
    keys: dict[str, Any] = {"EdDSA": ED25519_KEY, "ES256": P256_KEY, "RS256": RSA_KEY}
    token = jwt.encode(
        {**CLAIMS, **claims},
        keys[algorithm],
        algorithm,
        headers={"typ": "at+jwt", "kid": JWKS[algorithm]["kid"]},
    )
    if algorithm != "ES256":
        return token
    signing_input, _, signature = token.rpartition(".")
    return f"{signing_input}.{encode(low_s(base64.urlsafe_b64decode(signature + '==')))}"
