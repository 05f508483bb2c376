"""What can go wrong, in the words of the field.

The tree, whose root one may catch::

    AuthError
    ├── InvalidRequest          ├── AccessDenied         ├── TooManyAttempts
    ├── InvalidPageToken        ├── InsufficientScope    ├── Overloaded
    ├── PasswordRejected        ├── AccountNotFound      ├── StoreUnavailable
    ├── InvalidScope            ├── SessionNotFound      ├── RevisionNotReached
    ├── InvalidAudience         ├── KeyNotFound          ├── StaleRevocations
    ├── InvalidCredentials      ├── UsernameTaken        └── DeadlineExceeded
    ├── TokenInactive           ├── FactorNotFound
    ├── InvalidGrant            ├── FactorLimitReached
    ├── CallerUnauthenticated   ├── PasskeysNotServed
    ├── TokenRequired           ├── ServiceAccountNotFound
    ├── InvalidCode             ├── ApiKeyNotFound
    ├── InvalidFactor           ├── ServiceNameTaken
    ├── InvalidChallenge        └── CertificateNameTaken
    ├── InsufficientUserAuthentication
    └── EventsForgotten

The text of an error is for the log. What a caller is told stands in ``transport/status.py``.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class AuthError(Exception):
    """Any refusal or failure that authsvc names."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of a request that breaks a rule, and the rule in a sentence for people."""

    field: str
    description: str


class InvalidRequest(AuthError):
    """The request breaks a rule of the contract."""

    def __init__(self, *violations: FieldViolation) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations))
        self.violations = violations


class InvalidPageToken(AuthError):
    """The page token was not made by this server for this request."""


class PasswordRejected(AuthError):
    """The new password breaks the policy."""

    def __init__(self, *violations: FieldViolation) -> None:
        super().__init__("; ".join(v.description for v in violations))
        self.violations = violations


class InvalidScope(AuthError):
    """A requested scope may not be granted (RFC 6749, 5.2)."""


class InvalidAudience(AuthError):
    """Tokens are not issued for the requested audience (RFC 8707)."""


class InvalidCredentials(AuthError):
    """The login failed; the text says why, for the log alone."""


class TokenDefect(Enum):
    """The checks that an access token can fail, in the order in which they are made."""

    MALFORMED = "it is over 8 KiB, not canonical compact JWS, or not strict JSON"
    HEADER = "a header member is missing, of a wrong type or not allowed"
    TYPE = "typ is not at+jwt"
    UNKNOWN_KEY = "kid names no key of this server"
    ALGORITHM = "alg is not the algorithm of the key"
    SIGNATURE = "the signature is wrong"
    CLAIMS = "a required claim is missing or of a wrong type"
    ISSUER = "iss is another issuer"
    AUDIENCE = "aud is another audience"
    EXPIRED = "exp has passed"
    NOT_YET_VALID = "iat lies in the future"
    LIFETIME = "it lives longer than the policy allows"
    TOKEN_REVOKED = "the token was revoked"  # noqa: S105 - a sentence, not a secret
    SESSION_REVOKED = "its session was revoked"
    EPOCH = "its account's epoch was raised"
    DELEGATION = "a token or an actor that it came from was revoked"
    CERTIFICATE = "it is bound to a certificate that was not shown"


class TokenInactive(AuthError):
    """The access token is not active (RFC 7662, 2.2); why is for the log and ExplainToken."""

    def __init__(self, defect: TokenDefect) -> None:
        super().__init__(defect.value)
        self.defect = defect


class InvalidGrant(AuthError):
    """The refresh token is not valid (RFC 6749, 5.2); the text says why, for the log alone."""


class CallerUnauthenticated(AuthError):
    """No calling service proved who it is."""


class TokenRequired(AuthError):
    """The call needs an access token and has none."""


class InvalidCode(AuthError):
    """The one-time code does not allow what it was brought for; the text is for the log alone."""


class InvalidFactor(AuthError):
    """A second factor is wrong or was used before; the text says which, for the log alone."""


class InvalidChallenge(AuthError):
    """The challenge stands for nothing (any more); the text says why, for the log alone."""


class InsufficientUserAuthentication(AuthError):
    """The subject proved who it is too long ago or too weakly (RFC 9470, 3)."""

    max_age: timedelta | None = None
    """How long ago it may have been; None for any time."""
    acr = ""
    """The level of assurance that is wanted; empty for any."""

    def __init__(self, *, max_age: timedelta | None = None, acr: str = "") -> None:
        super().__init__("the authentication is too old or too weak")
        self.max_age = max_age
        self.acr = acr


class AccessDenied(AuthError):
    """The caller is known but may not do this."""


class InsufficientScope(AuthError):
    """The token is active but lacks a required scope (RFC 6750, 3.1)."""


class AccountNotFound(AuthError):
    """No such account."""


class SessionNotFound(AuthError):
    """No such session, or it has ended."""


class KeyNotFound(AuthError):
    """No such signing key."""


class FactorNotFound(AuthError):
    """The account has no such second factor, or its enrolment has expired."""


class FactorLimitReached(AuthError):
    """The account has as many second factors as it may have."""


class PasskeysNotServed(AuthError):
    """The server has no domain that passkeys could be for."""


class UsernameTaken(AuthError):
    """Another account has this user name, or one that looks like it."""


class ServiceAccountNotFound(AuthError):
    """No such service account."""


class ApiKeyNotFound(AuthError):
    """No such API key."""


class ServiceNameTaken(AuthError):
    """Another service account has this name."""


class CertificateNameTaken(AuthError):
    """Another service account has this name of a certificate."""


class EventsForgotten(AuthError):
    """The events after a place are not kept any longer, or never were here."""


class RetryableError(AuthError):
    """A failure that passes: the same call may succeed after `retry_after`."""

    def __init__(self, detail: str = "", *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyAttempts(RetryableError):
    """The caller or the account has used up its attempts."""

    def __init__(self, kind: str, *, retry_after: timedelta) -> None:
        """Name the kind of the attempts that are used up, and when there are some again."""
        super().__init__(kind, retry_after=retry_after)
        self.kind = kind


class Overloaded(RetryableError):
    """There is as much work as can be done in time."""


class StoreUnavailable(RetryableError):
    """A store that the answer depends on does not answer. Nothing was acknowledged."""


class RevisionNotReached(RetryableError):
    """The revision that the caller asks for has not been seen here yet."""


class StaleRevocations(RetryableError):
    """A verifier outside the server has not heard of revocations for too long to say "active"."""


class DeadlineExceeded(AuthError):
    """The caller's deadline or the server's own has passed."""
