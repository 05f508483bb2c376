"""Calling services: what they are, and the API keys by which they prove it.

An API key is `ask_`, 24 random bytes, and the CRC-32 of what stands before it, both in base64url.
The prefix lets secret scanners find a leaked key, the checksum lets them and us tell a key from a
typing error without a look-up. A key is random enough to be kept as a plain SHA-256 (ASVS 11.4.2
asks for slow hashes of what people choose).
"""

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from authsvc.domain.clock import Clock
from authsvc.domain.identifiers import decode_id, encode_id
from authsvc.errors import CallerUnauthenticated

_PREFIX = "ask_"
_SECRET_BYTES = 24
_CHECKSUM_BYTES = 4
_CHECKSUM_LENGTH = 6
_SECRET_LENGTH = 32


class ServiceAccountState(Enum):
    """Whether a service account may call."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service that calls this one."""

    name: str
    """`^[a-z][a-z0-9-]{0,62}$`"""
    scopes: tuple[str, ...]
    """What it may do here."""
    state: ServiceAccountState
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of a service account, without its secret."""

    key_id: str
    service_account: str
    secret_hash: bytes = field(repr=False)
    """What `hash_api_key` gives."""
    create_time: datetime
    expire_time: datetime | None
    """None if it does not end by itself."""
    revoke_time: datetime | None


class ServiceAccountStore(Protocol):
    """Keeps service accounts and their keys in SQL. Fails closed: StoreUnavailable."""

    def create(self, service_account: ServiceAccount) -> bool:
        """Keep a new service account.

        Returns:
            False, with nothing kept, if the name is taken.

        """

    def find(self, name: str) -> ServiceAccount | None:
        """Give the service account, or None."""

    def list(self) -> Sequence[ServiceAccount]:
        """Give all service accounts, by name."""

    def add_key(self, key: ApiKey) -> bool:
        """Keep a new key.

        Returns:
            False, with nothing kept, if there is no such service account.

        """

    def list_keys(self, service_account: str) -> Sequence[ApiKey]:
        """Give the keys of a service account, oldest first, also those that have ended."""

    def revoke_key(self, key_id: str, *, now: datetime) -> bool:
        """End a key. Idempotent: the time of the first revocation stays.

        Returns:
            False if there is no such key.

        """

    def find_by_secret_hash(self, secret_hash: bytes) -> tuple[ServiceAccount, ApiKey] | None:
        """Give the key of a hash with its owner, or None.

        Also when it has ended or its owner is disabled: the caller of this judges that.
        """


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


class ApiKeyAuthenticator:
    """Knows a calling service by its API key. Asks the store at every call, so that a revoked key
    is dead at once.
    """

    def __init__(self, *, store: ServiceAccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def authenticate(self, api_key: str) -> tuple[str, frozenset[str]]:
        """Give the name of the service and its scopes.

        Raises:
            CallerUnauthenticated: The key is unknown, revoked or past its end, or the service is
                disabled.
            StoreUnavailable: It may be any.

        """
        try:
            found = self._store.find_by_secret_hash(hash_api_key(api_key))
        except ValueError:
            raise CallerUnauthenticated from None
        if found is None:
            raise CallerUnauthenticated
        service_account, key = found
        is_over = key.expire_time is not None and key.expire_time <= self._clock()
        is_active = service_account.state is ServiceAccountState.ACTIVE
        if key.revoke_time is not None or is_over or not is_active:
            raise CallerUnauthenticated
        return service_account.name, frozenset(service_account.scopes)
