"""API keys: the form of their secrets, and what is kept of them.

An API key is `ask_`, 24 random bytes, and the CRC-32 of what stands before it, both in base64url.
The prefix lets secret scanners find a leaked key, the checksum lets them and us tell a key from a
typing error without a look-up. A key is random enough to be kept as a plain SHA-256 (ASVS 11.4.2
asks for slow hashes of what people choose).
"""

import hashlib
import secrets
import zlib
from dataclasses import dataclass, field
from datetime import datetime

from authsvc.domain.identifiers import SessionId, decode_id, encode_id

_PREFIX = "ask_"
_SECRET_BYTES = 24
_CHECKSUM_BYTES = 4
_CHECKSUM_LENGTH = 6
_SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of a service account, without its secret."""

    key_id: str
    service_account: str
    """The name of its owner."""
    session_id: SessionId
    """The `sid` of the tokens that are issued by it, so that they end with it."""
    display_name: str
    scopes: tuple[str, ...]
    """What it may do of that which its owner may; EVERYTHING for all of it."""
    secret_hash: bytes = field(repr=False)
    """What `hash_api_key` gives."""
    create_time: datetime
    expire_time: datetime | None
    """None if it does not end by itself."""
    revoke_time: datetime | None
    last_use_time: datetime | None
    """To the minute; None if it was never used."""


def new_key_id() -> str:
    """A fresh id of a key. Not a secret."""
    return "key_" + encode_id(secrets.token_bytes(12))


def new_api_key() -> str:
    """Make a key. It is shown once; only its hash is kept."""
    body = _PREFIX + encode_id(secrets.token_bytes(_SECRET_BYTES))
    return body + _checksum(body)


def hash_api_key(text: str) -> bytes:
    """Give the SHA-256 under which a key is kept.

    Raises:
        ValueError: The text is no API key, or has a typing error.

    """
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    secret = body.removeprefix(_PREFIX)
    well_formed = body.startswith(_PREFIX) and len(secret) == _SECRET_LENGTH
    if not well_formed or not body.isascii() or checksum != _checksum(body):
        message = "not an API key"
        raise ValueError(message)
    decode_id(secret)
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return encode_id(zlib.crc32(body.encode()).to_bytes(_CHECKSUM_BYTES))
