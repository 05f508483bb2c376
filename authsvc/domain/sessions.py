"""Sessions: what a login opens, a refresh continues and a logout ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from authsvc.domain.identifiers import AccountId, SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInfo:
    """The person's device or program, as the calling service saw it."""

    ip_address: str = ""
    user_agent: str = ""
    device_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open session."""

    session_id: SessionId
    account_id: AccountId
    epoch: int
    """The account's epoch at the login; the session is dead once the account's is higher."""
    client_id: str
    audience: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    amr: tuple[str, ...]
    client: ClientInfo
    nonce_hash: bytes = field(repr=False)
    """The first 16 bytes of the SHA-256 of the nonce that its refresh tokens carry."""
    generation: int
    """The generation of the refresh token that is valid now."""
    create_time: datetime
    auth_time: datetime
    last_use_time: datetime
    """When it was opened or last refreshed."""
    idle_lifetime: timedelta
    absolute_expire_time: datetime

    @property
    def expire_time(self) -> datetime:
        """When it ends if it is not refreshed before."""
        return min(self.last_use_time + self.idle_lifetime, self.absolute_expire_time)


class RotationOutcome(Enum):
    """What a refresh token turned out to be."""

    ROTATED = "rotated"
    """The current one, or a genuine newer one (Redis had lost a suffix): it has a successor now."""
    REPEATED = "repeated"
    """The one before, within the grace, its successor unused: the same successor again."""
    REUSED = "reused"
    """An older one: stolen or replayed. The session answers nothing else from now on."""
    UNKNOWN = "unknown"
    """No such session, another nonce or client, or past its end. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """The answer to a refresh token."""

    outcome: RotationOutcome
    session: Session | None
    """The session after the rotation; None if unknown."""


class SessionStore(Protocol):
    """Keeps open sessions in Redis. Fails closed: StoreUnavailable.

    A session is gone from its store at its idle end, its absolute end or its revocation, whichever
    comes first. The ends hold against a wrong clock of Redis and a wrong `now` alike: either alone
    can only shorten a session.
    """

    def open(self, session: Session, *, limit: int, now: datetime) -> Sequence[SessionId] | None:
        """Keep a new session and end the account's oldest ones beyond `limit`, atomically.

        Returns:
            The sessions that were ended, their marks set for `apply`'s usual time, or None if the
            account's epoch has meanwhile been raised above the session's: then nothing was opened.

        """

    def rotate(
        self,
        session_id: SessionId,
        *,
        generation: int,
        nonce_hash: bytes,
        client_id: str,
        now: datetime,
    ) -> Rotation:
        """Judge a refresh token whose MAC is good and move its session on, atomically.

        MUST be one script in one round trip. The grace for a repeat is given to the store when it
        is made. A reused token leaves the session in a state in which `rotate` gives REUSED
        whatever comes, until `RevocationMarks.apply` ends it.
        """

    def find(self, session_id: SessionId, *, now: datetime) -> Session | None:
        """Give an open session, or None."""

    def list(self, account_id: AccountId, *, now: datetime) -> Sequence[Session]:
        """Give the account's open sessions, oldest first."""
