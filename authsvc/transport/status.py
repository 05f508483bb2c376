"""What a caller is told: one table from the errors of the domain to statuses of gRPC (AIP-193)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import grpc
from authn.v1.error_reason_pb2 import ErrorReason
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from authsvc import errors
from authsvc.errors import AuthError, FieldViolation

DOMAIN = "authsvc"
_REASON_PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """The public face of an error."""

    code: Code.ValueType
    reason: ErrorReason.ValueType
    message: str

    @property
    def info(self) -> ErrorInfo:
        """The detail that programs act on."""
        name = ErrorReason.Name(self.reason).removeprefix(_REASON_PREFIX)
        return ErrorInfo(reason=name, domain=DOMAIN)


SPECS: dict[type[AuthError], ErrorSpec] = {
    errors.InvalidRequest: ErrorSpec(
        Code.INVALID_ARGUMENT,
        ErrorReason.ERROR_REASON_INVALID_REQUEST,
        "The request breaks a rule of the contract; the details name the fields.",
    ),
    errors.InvalidPageToken: ErrorSpec(
        Code.INVALID_ARGUMENT,
        ErrorReason.ERROR_REASON_INVALID_PAGE_TOKEN,
        "The page token is not one that this method gave.",
    ),
    errors.PasswordRejected: ErrorSpec(
        Code.INVALID_ARGUMENT,
        ErrorReason.ERROR_REASON_PASSWORD_REJECTED,
        "The new password is not accepted; the details say why.",
    ),
    errors.InvalidScope: ErrorSpec(
        Code.INVALID_ARGUMENT,
        ErrorReason.ERROR_REASON_INVALID_SCOPE,
        "A requested scope may not be granted.",
    ),
    errors.InvalidAudience: ErrorSpec(
        Code.INVALID_ARGUMENT,
        ErrorReason.ERROR_REASON_INVALID_AUDIENCE,
        "Tokens are not issued for the requested audience.",
    ),
    errors.InvalidCredentials: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_INVALID_CREDENTIALS,
        "The identifier or the password is wrong.",
    ),
    errors.TokenInactive: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_TOKEN_INACTIVE,
        "The token is not active.",
    ),
    errors.InvalidGrant: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_INVALID_GRANT,
        "The refresh token is not valid; log in again.",
    ),
    errors.CallerUnauthenticated: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_CALLER_UNAUTHENTICATED,
        "The calling service must prove who it is, for instance by x-authsvc-api-key.",
    ),
    errors.TokenRequired: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_TOKEN_REQUIRED,
        "The call needs an access token in the metadata authorization: Bearer ….",
    ),
    errors.InvalidCode: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_INVALID_CODE,
        "The code is not valid; ask for a new one.",
    ),
    errors.InvalidFactor: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_INVALID_FACTOR,
        "The second factor is wrong or was used before.",
    ),
    errors.InvalidChallenge: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_INVALID_CHALLENGE,
        "The challenge is not valid; begin again.",
    ),
    errors.InsufficientUserAuthentication: ErrorSpec(
        Code.UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_INSUFFICIENT_USER_AUTHENTICATION,
        "A more recent or a stronger authentication is needed; log in anew.",
    ),
    errors.AccessDenied: ErrorSpec(
        Code.PERMISSION_DENIED,
        ErrorReason.ERROR_REASON_ACCESS_DENIED,
        "The caller may not do this.",
    ),
    errors.InsufficientScope: ErrorSpec(
        Code.PERMISSION_DENIED,
        ErrorReason.ERROR_REASON_INSUFFICIENT_SCOPE,
        "The token lacks a required scope.",
    ),
    errors.AccountNotFound: ErrorSpec(
        Code.NOT_FOUND,
        ErrorReason.ERROR_REASON_ACCOUNT_NOT_FOUND,
        "There is no such account.",
    ),
    errors.SessionNotFound: ErrorSpec(
        Code.NOT_FOUND,
        ErrorReason.ERROR_REASON_SESSION_NOT_FOUND,
        "There is no such session, or it has ended.",
    ),
    errors.EventsForgotten: ErrorSpec(
        Code.OUT_OF_RANGE,
        ErrorReason.ERROR_REASON_EVENTS_FORGOTTEN,
        "The events after this place are not kept any longer.",
    ),
    errors.KeyNotFound: ErrorSpec(
        Code.NOT_FOUND,
        ErrorReason.ERROR_REASON_KEY_NOT_FOUND,
        "There is no such signing key.",
    ),
    errors.FactorNotFound: ErrorSpec(
        Code.NOT_FOUND,
        ErrorReason.ERROR_REASON_FACTOR_NOT_FOUND,
        "There is no such second factor, or its enrolment has expired.",
    ),
    errors.FactorLimitReached: ErrorSpec(
        Code.FAILED_PRECONDITION,
        ErrorReason.ERROR_REASON_FACTOR_LIMIT_REACHED,
        "The account has as many second factors as it may have.",
    ),
    errors.PasskeysNotServed: ErrorSpec(
        Code.UNIMPLEMENTED,
        ErrorReason.ERROR_REASON_UNIMPLEMENTED,
        "Passkeys are not set up on this server: AUTHSVC_WEBAUTHN_RP_ID is empty.",
    ),
    errors.UsernameTaken: ErrorSpec(
        Code.ALREADY_EXISTS,
        ErrorReason.ERROR_REASON_USERNAME_TAKEN,
        "Another account has this user name or one that looks like it.",
    ),
    errors.ServiceAccountNotFound: ErrorSpec(
        Code.NOT_FOUND,
        ErrorReason.ERROR_REASON_SERVICE_ACCOUNT_NOT_FOUND,
        "There is no such service account.",
    ),
    errors.ApiKeyNotFound: ErrorSpec(
        Code.NOT_FOUND,
        ErrorReason.ERROR_REASON_API_KEY_NOT_FOUND,
        "There is no such API key.",
    ),
    errors.ServiceNameTaken: ErrorSpec(
        Code.ALREADY_EXISTS,
        ErrorReason.ERROR_REASON_SERVICE_NAME_TAKEN,
        "Another service account has this name.",
    ),
    errors.CertificateNameTaken: ErrorSpec(
        Code.ALREADY_EXISTS,
        ErrorReason.ERROR_REASON_CERTIFICATE_NAME_TAKEN,
        "Another service account has this name of a certificate.",
    ),
    errors.TooManyAttempts: ErrorSpec(
        Code.RESOURCE_EXHAUSTED,
        ErrorReason.ERROR_REASON_TOO_MANY_ATTEMPTS,
        "There were too many attempts; try again after the time in RetryInfo.",
    ),
    errors.Overloaded: ErrorSpec(
        Code.RESOURCE_EXHAUSTED,
        ErrorReason.ERROR_REASON_OVERLOADED,
        "The server is busy; try again after the time in RetryInfo.",
    ),
    errors.StoreUnavailable: ErrorSpec(
        Code.UNAVAILABLE,
        ErrorReason.ERROR_REASON_STORE_UNAVAILABLE,
        "A store does not answer; nothing was acknowledged. Try again.",
    ),
    errors.RevisionNotReached: ErrorSpec(
        Code.UNAVAILABLE,
        ErrorReason.ERROR_REASON_REVISION_NOT_REACHED,
        "The requested revision has not been seen here yet; try again.",
    ),
    errors.StaleRevocations: ErrorSpec(
        Code.UNAVAILABLE,
        ErrorReason.ERROR_REASON_REVOCATIONS_STALE,
        "What was revoked is not known well enough right now; try again.",
    ),
    errors.DeadlineExceeded: ErrorSpec(
        Code.DEADLINE_EXCEEDED,
        ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
        "The time for the call is up.",
    ),
}

INTERNAL = ErrorSpec(
    Code.INTERNAL,
    ErrorReason.ERROR_REASON_INTERNAL,
    "The server failed; its log has the cause under the correlation id.",
)


def status_of(error: AuthError) -> grpc.Status:
    """Give the status that tells a caller of an error, and nothing that it must not know."""
    return _status(SPECS.get(type(error), INTERNAL), _details(error), **_metadata(error))


def internal_status(correlation_id: str) -> grpc.Status:
    """Give the status of an error that nobody foresaw, and where the log has its cause."""
    return _status(INTERNAL, [], correlation_id=correlation_id)


def stopping_status() -> grpc.Status:
    """Give the status that ends a stream when its server stops."""
    message = "The server is stopping; call again."
    return rpc_status.to_status(Status(code=Code.UNAVAILABLE, message=message))


def cancelled_status() -> grpc.Status:
    """Give the status of a call that nobody waits for any more."""
    return rpc_status.to_status(Status(code=Code.CANCELLED, message="The call was cut."))


def reason_of(error: AuthError) -> ErrorReason.ValueType:
    """Give the reason of an error, for answers that carry one for each item."""
    return SPECS[type(error)].reason


def _status(spec: ErrorSpec, details: Sequence[Message], **metadata: str) -> grpc.Status:
    status = Status(code=spec.code, message=spec.message)
    info = spec.info
    info.metadata.update(metadata)
    for detail in (info, *details):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return rpc_status.to_status(status)


def _details(error: AuthError) -> list[Message]:
    if isinstance(error, errors.InvalidRequest | errors.PasswordRejected):
        return [BadRequest(field_violations=map(_violation, error.violations))]
    if isinstance(error, errors.RetryableError):
        return [_retry_info(error.retry_after)]
    return []


def _metadata(error: AuthError) -> dict[str, str]:
    if not isinstance(error, errors.InsufficientUserAuthentication):
        return {}
    max_age = error.max_age
    wanted = {
        "acr": error.acr,
        "max_age": "" if max_age is None else f"{max_age.total_seconds():.0f}",
    }
    return {name: value for name, value in wanted.items() if value}


def _violation(violation: FieldViolation) -> BadRequest.FieldViolation:
    return BadRequest.FieldViolation(field=violation.field, description=violation.description)


def _retry_info(retry_after: timedelta) -> RetryInfo:
    info = RetryInfo()
    info.retry_delay.FromTimedelta(retry_after)
    return info
