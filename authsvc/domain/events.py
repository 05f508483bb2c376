"""Security events: what happened, to whom, by whom, with what end (ASVS 16.3). Never a secret."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class EventType(Enum):
    """The acts that are worth a record."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_UPDATED = "account.updated"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_EXPORTED = "account.exported"
    ACCOUNT_DELETED = "account.deleted"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - an event's name
    FACTOR_OFFERED = "factor.offered"
    """The secret of an authenticator app was told; it counts for nothing yet."""
    FACTOR_ENROLLED = "factor.enrolled"
    FACTOR_DELETED = "factor.deleted"
    FACTORS_RESET = "factors.reset"
    FACTOR_USED = "factor.used"
    PASSKEY_CLONE_SUSPECTED = "passkey.clone_suspected"
    RECOVERY_CODES_REPLACED = "recovery_codes.replaced"
    LOGIN_CHALLENGED = "login.challenged"
    PASSWORD_RESET_STARTED = "password_reset.started"  # noqa: S105 - an event's name
    PASSWORD_RESET = "password_reset.completed"  # noqa: S105 - an event's name
    VERIFICATION_STARTED = "verification.started"
    ADDRESS_VERIFIED = "verification.completed"
    LOGIN = "login"
    ATTEMPTS_EXHAUSTED = "attempts.exhausted"
    SESSION_REFRESHED = "session.refreshed"
    REFRESH_TOKEN_REUSED = "refresh_token.reused"  # noqa: S105 - an event's name
    SESSION_REVOKED = "session.revoked"
    SESSIONS_REVOKED = "sessions.revoked"
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event's name
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_UPDATED = "service_account.updated"
    SERVICE_ACCOUNT_DISABLED = "service_account.disabled"
    SERVICE_ACCOUNT_ENABLED = "service_account.enabled"
    SERVICE_ACCOUNT_DELETED = "service_account.deleted"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    SERVICE_TOKEN_ISSUED = "service_token.issued"  # noqa: S105 - an event's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One act."""

    type: EventType
    actor: str
    """The account that acts, by its access token, or else the calling service."""
    peer: str
    """Where the call came from."""
    subject: str = ""
    """The account, token or key that it was done to; empty if there is none."""
    session_id: str = ""
    succeeded: bool = True
    reason: str = ""
    """Why it failed or how it came about, in constant words."""


EventSink = Callable[[Event], None]
"""Takes an event where it is kept."""
