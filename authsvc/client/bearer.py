"""How a request bears its token (RFC 6750), and what came of it."""

from collections.abc import Collection
from contextvars import ContextVar

from authsvc.errors import TokenRequired
from authsvc.verify.claims import Claims

_SCHEME = "bearer"

borne: ContextVar[Claims | None] = ContextVar("authsvc_claims", default=None)
"""The claims of the token that the present request bears; None if it needs none."""


def current_claims() -> Claims:
    """Give the claims of the token that the present request bears.

    Raises:
        TokenRequired: It is a public one, or none is being served.

    """
    claims = borne.get()
    if claims is None:
        raise TokenRequired
    return claims


def token_of(headers: Collection[str]) -> str:
    """Give the token of a request's `authorization` headers.

    Raises:
        TokenRequired: There is none, more than one, or one of another scheme.

    """
    for header in headers if len(headers) == 1 else ():
        scheme, _, token = header.partition(" ")
        if scheme.lower() == _SCHEME and token:
            return token
    raise TokenRequired
