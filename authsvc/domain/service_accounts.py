"""Service accounts: what they are and may do, and where they are kept with their API keys."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from authsvc.domain.accounts import EndTokens
from authsvc.domain.api_keys import ApiKey
from authsvc.domain.events import Event
from authsvc.domain.identifiers import ServiceAccountId
from authsvc.domain.revocation import Revocation

EVERYTHING = "*"
"""In an allowlist: whatever there is. It is never implied: an empty list allows nothing."""

is_service_name = re.compile(r"[a-z][a-z0-9-]{0,62}").fullmatch
"""Says whether a text can be the name of a service account."""


class ServiceAccountState(Enum):
    """Whether a service account may call."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service that calls this one."""

    service_account_id: ServiceAccountId
    """The subject of its tokens; never used again, also when its name is."""
    name: str
    """See `is_service_name`; the `client_id` of what is issued to it."""
    scopes: tuple[str, ...]
    """What it may do here, and ask for in its tokens."""
    methods: tuple[str, ...]
    """What it may call: `package.Service/Method`, `package.Service/*` or EVERYTHING."""
    audiences: tuple[str, ...]
    """For whom it may get and check tokens; EVERYTHING for anybody."""
    own_audiences: tuple[str, ...]
    """The audiences that it is itself: what is sent to these it may exchange."""
    certificate_names: tuple[str, ...]
    """SPIFFE URIs and DNS names of the client certificates that prove that it calls."""
    public_keys: tuple[Mapping[str, str], ...]
    """JWKs of the keys with which it signs assertions (RFC 7523)."""
    state: ServiceAccountState
    epoch: int
    """Tokens with a lower one are dead."""
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountChange:
    """What to change in a service account; None leaves a field alone."""

    scopes: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    audiences: tuple[str, ...] | None = None
    own_audiences: tuple[str, ...] | None = None
    certificate_names: tuple[str, ...] | None = None
    public_keys: tuple[Mapping[str, str], ...] | None = None
    state: ServiceAccountState | None = None


class ServiceAccountStore(Protocol):
    """Keeps service accounts and their keys in SQL, and events with what they report.

    What gives an event is given the id of the service account (see `events.py`). Every write is
    durable when the call returns. Fails closed: StoreUnavailable, and then nothing was written.
    """

    def create(self, service_account: ServiceAccount, *, event: Event) -> None:
        """Keep a new service account.

        Raises:
            ServiceNameTaken: Another one has the name.
            CertificateNameTaken: Another one has one of the certificate names.

        """

    def find(self, name: str) -> ServiceAccount | None:
        """Give the service account of a name, or None."""

    def find_by_id(self, service_account_id: ServiceAccountId) -> ServiceAccount | None:
        """Give the service account of an id, or None."""

    def find_by_certificate_name(self, name: str) -> ServiceAccount | None:
        """Give the service account that a certificate's SPIFFE URI or DNS name names, or None.

        Also when it is disabled: the caller of this judges that.
        """

    def list(self, *, after: str | None, limit: int) -> Sequence[ServiceAccount]:
        """Give the service accounts whose names come after the given one, by name."""

    def change(
        self,
        name: str,
        change: ServiceAccountChange,
        *,
        now: datetime,
        event_of: Callable[[str], Event],
        end_tokens: EndTokens | None = None,
    ) -> tuple[ServiceAccount, Revocation | None]:
        """Change a service account; MUST be atomic with the revocation that it journals.

        Returns:
            The service account as it is now, and the revocation if `end_tokens` was given.

        Raises:
            ServiceAccountNotFound: No such service account.
            CertificateNameTaken: Another one has one of the certificate names.

        """

    def delete(
        self,
        name: str,
        *,
        now: datetime,
        event_of: Callable[[str], Event],
        end_tokens: EndTokens,
    ) -> Revocation:
        """Remove a service account with its keys and journal the end of its tokens, atomically.

        Raises:
            ServiceAccountNotFound: No such service account.

        """

    def add_key(self, key: ApiKey, *, event: Event) -> None:
        """Keep a new key.

        Raises:
            ServiceAccountNotFound: No such service account.

        """

    def list_keys(self, service_account: str) -> Sequence[ApiKey]:
        """Give the keys of a service account, oldest first, also those that have ended."""

    def revoke_key(
        self, key_id: str, *, now: datetime, event: Event, end_tokens: EndTokens
    ) -> Revocation:
        """End a key and journal the end of its session, atomically.

        Idempotent: the time of the first revocation stays.

        Raises:
            ApiKeyNotFound: No such key.

        """

    def find_by_secret_hash(self, secret_hash: bytes) -> tuple[ServiceAccount, ApiKey] | None:
        """Give the key of a hash with its owner, or None.

        Also when it has ended or its owner is disabled: the caller of this judges that.
        """

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys, by their ids, were last used; a time never goes back."""
