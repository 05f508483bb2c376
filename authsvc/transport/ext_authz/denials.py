"""How a client is told that its request is not let through (RFC 6750, 3 and RFC 9470, 3).

What is wrong with a token is not told. An outage is a denial too: so a proxy that is set to let
requests through when its authorization service fails lets none through that nobody has judged.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

from authsvc.errors import (
    AuthError,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidRequest,
    RetryableError,
    TokenInactive,
    TokenRequired,
)
from authsvc.transport.ext_authz.messages import CheckResponse, DeniedHttpResponse, header
from authsvc.transport.status import SPECS
from authsvc.verify.assurance import step_up

TOLD = (
    TokenRequired,
    TokenInactive,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidRequest,
    RetryableError,
)
"""The errors that are told to the client. All others are the proxy's, as statuses of gRPC."""

_SENTENCES = {
    TokenRequired: "The request needs an access token in its authorization header.",
    InvalidRequest: "The request must have one access token, in one authorization header.",
}
"""Where what a caller of authsvc is told would not be understood."""


def denial(error: AuthError, *, scopes: Sequence[str]) -> Any:
    """Give the answer that tells of an error.

    Args:
        error: One of `TOLD`.
        scopes: What the route asks for.

    """
    status, name, value = _http(error, scopes)
    spec = SPECS[type(error)]
    sentence = _SENTENCES.get(type(error), spec.message)
    return CheckResponse(
        status={"code": spec.code, "message": sentence},
        denied_response=DeniedHttpResponse(
            status={"code": status}, headers=[header(name, value)], body=sentence
        ),
    )


def _http(error: AuthError, scopes: Sequence[str]) -> tuple[int, str, str]:
    if isinstance(error, RetryableError):
        return 503, "retry-after", str(ceil(error.retry_after.total_seconds()))
    status, challenge = _challenge(error, scopes)
    return status, "www-authenticate", challenge


def _challenge(error: AuthError, scopes: Sequence[str]) -> tuple[int, str]:
    if isinstance(error, TokenRequired):
        return 401, 'Bearer realm="authsvc"'  # no error: the client has done nothing wrong yet
    if isinstance(error, InvalidRequest):
        return 400, 'Bearer error="invalid_request"'
    if isinstance(error, InsufficientScope):
        return 403, f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    if isinstance(error, InsufficientUserAuthentication):
        return 401, step_up(error)
    return 401, 'Bearer error="invalid_token"'
