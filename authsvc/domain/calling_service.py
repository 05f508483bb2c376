"""A service that has proven that it calls, and what it may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from authsvc.domain.identifiers import ServiceAccountId, SessionId
from authsvc.domain.service_accounts import EVERYTHING
from authsvc.errors import CallerUnauthenticated


class Proof(Enum):
    """By what a service proves that it calls."""

    API_KEY = "api key"
    CERTIFICATE = "certificate"
    ASSERTION = "assertion"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingService:
    """A service account, as far as the credentials of a call open it."""

    service_account_id: ServiceAccountId
    name: str
    scopes: frozenset[str]
    """What it may do here, and ask for in its tokens."""
    methods: frozenset[str]
    """What it may call, as its service account has it."""
    audiences: frozenset[str]
    """For whom it may get and check tokens, as its service account has it."""
    own_audiences: frozenset[str]
    """The audiences that it is itself, as its service account has it."""
    epoch: int
    proofs: frozenset[Proof]
    session_id: SessionId | None = None
    """The `sid` for its tokens, if they are to end with a credential."""
    expire_time: datetime | None = None
    """When the first of its credentials ends; None if none does by itself."""

    def serves(self, audience: str) -> bool:
        """Say whether it may get and check tokens for an audience."""
        return EVERYTHING in self.audiences or audience in self.audiences


def united(one: CallingService | None, other: CallingService) -> CallingService:
    """Give what a service may do that presents one more credential: what all of them allow.

    Raises:
        CallerUnauthenticated: They are of two services.

    """
    if one is None:
        return other
    if one.service_account_id != other.service_account_id:
        detail = "credentials of two services"
        raise CallerUnauthenticated(detail)
    newer = max(one, other, key=lambda service: service.epoch)
    ends = [time for time in (one.expire_time, other.expire_time) if time is not None]
    return CallingService(
        service_account_id=newer.service_account_id,
        name=newer.name,
        scopes=one.scopes & other.scopes,
        methods=newer.methods,
        audiences=newer.audiences,
        own_audiences=newer.own_audiences,
        epoch=min(one.epoch, other.epoch),
        proofs=one.proofs | other.proofs,
        session_id=one.session_id or other.session_id,
        expire_time=min(ends, default=None),
    )
