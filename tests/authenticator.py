"""A software authenticator and the browser around it: real keys, real signatures, CBOR of its own.

It does what WebAuthn Level 3 asks of both, and for the tests also what it must not do.
"""

import base64
import hashlib
import json
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RP_ID = "login.example.test"
ORIGIN = "https://login.example.test"

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """Making one takes long, so all share it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def b64(raw: bytes) -> str:
    """Base64url without padding, as browsers write it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of `b64`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: Any) -> bytes:
    """Write CBOR (RFC 8949) of what WebAuthn needs."""
    match value:
        case int() if value < 0:
            return _head(1, -1 - value)
        case int():
            return _head(0, value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case Mapping():
            pairs = b"".join(cbor(key) + cbor(one) for key, one in value.items())
            return _head(5, len(value)) + pairs
        case Sequence():
            return _head(4, len(value)) + b"".join(map(cbor, value))
    raise TypeError(type(value))


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if number < 1 << 8 * size:
            return bytes([kind << 5 | code]) + number.to_bytes(size)
    raise ValueError(number)


@dataclass(slots=True)
class Credential:
    """One passkey, with its private half."""

    private_key: Any
    algorithm: int
    rp_id: str
    user_handle: bytes
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    sign_count: int = 0

    def cose(self) -> dict[int, Any]:
        """The public half as a COSE_Key."""
        public = self.private_key.public_key()
        if self.algorithm == -7:
            point = public.public_numbers()
            return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        if self.algorithm == -8:
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}
        numbers = public.public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}

    def sign(self, data: bytes) -> bytes:
        """Sign."""
        if self.algorithm == -7:
            return self.private_key.sign(data, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == -8:
            return self.private_key.sign(data)
        return self.private_key.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """What an authenticator or a browser does differently than it should."""

    origin: str = ORIGIN
    rp_id: str = ""
    kind: str = ""
    challenge: bytes = b""
    flags_off: int = 0
    flags_on: int = 0
    sign_count: int | None = None
    user_handle: bytes | None = None
    client_data: Mapping[str, Any] = field(default_factory=dict)
    flip_signature: bool = False
    key: Mapping[int, Any] = field(default_factory=dict)
    attested: bytes | None = None
    """What stands for the attested credential data."""


HONEST = Twist()


class Authenticator:
    """Holds passkeys. Asks nobody: whoever has the object is its owner."""

    def __init__(self, algorithm: int = -7, *, counts: bool = True, synced: bool = False) -> None:
        self._algorithm = algorithm
        self._counts = counts
        self._flags = UP | UV | (BE | BS if synced else 0)
        self.credentials: list[Credential] = []

    def create(self, options: str, twist: Twist = HONEST) -> str:
        """Answer `navigator.credentials.create`, as `toJSON` gives it."""
        asked = json.loads(options)
        offered = [one["alg"] for one in asked["pubKeyCredParams"]]
        assert self._algorithm in offered
        excluded = {one["id"] for one in asked.get("excludeCredentials", ())}
        assert not excluded & {b64(one.credential_id) for one in self.credentials}
        made = Credential(
            _new_key(self._algorithm),
            self._algorithm,
            asked["rp"]["id"],
            unb64(asked["user"]["id"]),
        )
        self.credentials.append(made)
        client_data = _client_data("webauthn.create", asked["challenge"], twist)
        attested = twist.attested
        if attested is None:
            attested = bytes(16) + struct.pack(">H", len(made.credential_id)) + made.credential_id
            attested += cbor({**made.cose(), **twist.key})
        data = self._data(made, twist, AT) + attested
        answer = {
            "clientDataJSON": b64(client_data),
            "attestationObject": b64(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal", "hybrid"],
            "publicKeyAlgorithm": self._algorithm,
        }
        return _to_json(made, answer)

    def get(
        self, options: str, twist: Twist = HONEST, *, credential: Credential | None = None
    ) -> str:
        """Answer `navigator.credentials.get`, as `toJSON` gives it."""
        asked = json.loads(options)
        used = credential or self._chosen(asked)
        client_data = _client_data("webauthn.get", asked["challenge"], twist)
        data = self._data(used, twist, 0)
        signature = used.sign(data + hashlib.sha256(client_data).digest())
        if twist.flip_signature:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        handle = used.user_handle if twist.user_handle is None else twist.user_handle
        answer = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
        }
        if handle:
            answer["userHandle"] = b64(handle)
        return _to_json(used, answer)

    def _chosen(self, asked: Mapping[str, Any]) -> Credential:
        allowed = {one["id"] for one in asked.get("allowCredentials", ())}
        for one in reversed(self.credentials):
            if one.rp_id == asked["rpId"] and (not allowed or b64(one.credential_id) in allowed):
                return one
        raise LookupError

    def _data(self, credential: Credential, twist: Twist, flags: int) -> bytes:
        if self._counts:
            credential.sign_count += 1
        count = credential.sign_count if twist.sign_count is None else twist.sign_count
        flags = (self._flags | flags | twist.flags_on) & ~twist.flags_off
        rp_id = twist.rp_id or credential.rp_id
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, count)


def _new_key(algorithm: int) -> Any:
    if algorithm == -7:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate() if algorithm == -8 else _rsa_key()


def _client_data(kind: str, challenge: str, twist: Twist) -> bytes:
    document = {
        "type": twist.kind or kind,
        "challenge": b64(twist.challenge) if twist.challenge else challenge,
        "origin": twist.origin,
        "crossOrigin": False,
        **twist.client_data,
    }
    return json.dumps(document).encode()


def _to_json(credential: Credential, answer: Mapping[str, Any]) -> str:
    name = b64(credential.credential_id)
    document = {
        "id": name,
        "rawId": name,
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": answer,
    }
    return json.dumps(document)
