"""Names of things, and the partition that each belongs to.

A partition is one byte, the last of the account's id. Whatever belongs to an account carries the
same byte first (a session, a token), so that any of the names alone leads to the one Redis Cluster
slot where all of the account's hot state lives.
"""

import binascii
import secrets
from typing import NewType

from uuid_utils import uuid7

AccountId = NewType("AccountId", str)
"""`acc_` and the 32 hexadecimal digits of a UUIDv7."""

ServiceAccountId = NewType("ServiceAccountId", str)
"""`svc_` and the 32 hexadecimal digits of a UUIDv7."""

SessionId = NewType("SessionId", str)
"""The `sid`: 16 bytes, base64url; the first is the partition."""

TokenId = NewType("TokenId", str)
"""The `jti`: 16 bytes, base64url; the first is the partition."""

FactorId = NewType("FactorId", str)
"""`fac_` and the 32 hexadecimal digits of a UUIDv7."""

KeyId = NewType("KeyId", str)
"""The `kid`: an RFC 7638 thumbprint."""

_ACCOUNT_PREFIX = "acc_"
_FACTOR_PREFIX = "fac_"
_SERVICE_ACCOUNT_PREFIX = "svc_"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def new_account_id() -> AccountId:
    """A fresh account id; ids sort in the order in which they were made."""
    return AccountId(_ACCOUNT_PREFIX + uuid7().hex)


def new_factor_id() -> FactorId:
    """A fresh factor id; ids sort in the order in which they were made."""
    return FactorId(_FACTOR_PREFIX + uuid7().hex)


def new_service_account_id() -> ServiceAccountId:
    """A fresh service account id."""
    return ServiceAccountId(_SERVICE_ACCOUNT_PREFIX + uuid7().hex)


def is_service_account_id(subject: str) -> bool:
    """Say whether a `sub` names a service account, not a person's account (P-TOK-8)."""
    return subject.startswith(_SERVICE_ACCOUNT_PREFIX)


def account_id_bytes(account_id: AccountId | ServiceAccountId) -> bytes:
    """The 16 bytes of the id of an account or service account."""
    return bytes.fromhex(account_id[len(_ACCOUNT_PREFIX) :])


def account_id_from_bytes(raw: bytes) -> AccountId:
    """The account id of 16 bytes."""
    return AccountId(_ACCOUNT_PREFIX + raw.hex())


def account_partition(account_id: AccountId | ServiceAccountId) -> int:
    """The partition of an account or service account, 0 to 255."""
    return int(account_id[-2:], 16)


def new_session_id(partition: int) -> SessionId:
    """A fresh session id: the partition and 120 random bits."""
    return SessionId(encode_id(bytes([partition]) + secrets.token_bytes(15)))


def new_token_id(partition: int) -> TokenId:
    """A fresh token id: the partition and 120 random bits."""
    return TokenId(encode_id(bytes([partition]) + secrets.token_bytes(15)))


def encode_id(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def decode_id(text: str) -> bytes:
    """The bytes that `encode_id` got.

    Raises:
        ValueError: The text is not the one spelling that `encode_id` gives.

    """
    # Lenient, since the comparison refuses whatever is not canonical.
    raw = binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "==")
    if encode_id(raw) != text:
        message = "not canonical base64url"
        raise ValueError(message)
    return raw
