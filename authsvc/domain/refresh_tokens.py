"""Refresh tokens: `asr_` and the base64url of sid ‖ generation ‖ nonce ‖ MAC.

The MAC is HMAC-SHA-256 under the refresh key over what stands before it, so garbage is refused
before any store is asked. The nonce is a secret of the session that Redis knows only as a hash: a
reader of Redis can't make a token, nor can a thief of the refresh key alone. All of a session's
tokens follow from the nonce and a counter, so nothing is stored per token, and the successor of a
token can be derived again when its answer was lost.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field, replace

from authsvc.domain.identifiers import SessionId, decode_id, encode_id
from authsvc.errors import InvalidGrant

PREFIX = "asr_"
NONCE_BYTES = 16
MAX_GENERATION = 2**32 - 2
"""A session that was refreshed this often ends; at one refresh a second after 136 years."""

_BODY = struct.Struct(">16sI16s")
_MAC_BYTES = 32
_TOKEN_LENGTH = len(PREFIX) + (4 * (_BODY.size + _MAC_BYTES) + 2) // 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a genuine refresh token says."""

    session_id: SessionId
    generation: int
    nonce: bytes = field(repr=False)

    @property
    def nonce_hash(self) -> bytes:
        """What the session's record keeps of the nonce."""
        return hash_nonce(self.nonce)

    def with_generation(self, generation: int) -> "RefreshToken":
        """The session's token of another generation."""
        return replace(self, generation=generation)


def hash_nonce(nonce: bytes) -> bytes:
    """The first 16 bytes of SHA-256; the nonce has 128 random bits, so no slow hash is due."""
    return hashlib.sha256(nonce).digest()[:16]


class RefreshTokenCodec:
    """Writes and reads refresh tokens under one refresh key of 32 bytes."""

    def __init__(self, refresh_key: bytes) -> None:
        self._keyed = hmac.new(refresh_key, digestmod="sha256")

    def encode(self, token: RefreshToken) -> str:
        """Write a token."""
        body = _BODY.pack(decode_id(token.session_id), token.generation, token.nonce)
        return PREFIX + encode_id(body + self._mac(body))

    def decode(self, text: str) -> RefreshToken:
        """Read a token.

        Raises:
            InvalidGrant: It was not written under this key.

        """
        if len(text) != _TOKEN_LENGTH or not text.startswith(PREFIX):
            detail = "not a refresh token"
            raise InvalidGrant(detail)
        try:
            raw = decode_id(text.removeprefix(PREFIX))
        except ValueError:
            detail = "not canonical base64url"
            raise InvalidGrant(detail) from None
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        if not hmac.compare_digest(mac, self._mac(body)):
            detail = "the MAC is wrong"
            raise InvalidGrant(detail)
        session_id, generation, nonce = _BODY.unpack(body)
        if generation > MAX_GENERATION:
            detail = "the last generation"
            raise InvalidGrant(detail)
        return RefreshToken(
            session_id=SessionId(encode_id(session_id)), generation=generation, nonce=nonce
        )

    def _mac(self, body: bytes) -> bytes:
        # A copy lets the key's own blocks be hashed once, and keeps the GIL, unlike hmac.digest.
        keyed = self._keyed.copy()
        keyed.update(body)
        return keyed.digest()
