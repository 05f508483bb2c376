"""How sure it is who somebody is: the methods of a login, the level they reach, and its age.

The levels are those of NIST SP 800-63B-4, 2: `aal1` for one factor, `aal2` for two. They follow
from the methods (RFC 8176), here and nowhere else.
"""

from collections.abc import Collection
from datetime import timedelta

from authsvc.errors import InsufficientUserAuthentication
from authsvc.verify.claims import Claims

AAL1 = "aal1"
AAL2 = "aal2"

MULTI_FACTOR = "mfa"
"""The method of RFC 8176 that says that there was more than one factor."""

_RANKS = {"": 0, AAL1: 1, AAL2: 2}


def acr_of(amr: Collection[str]) -> str:
    """Give the level that methods of authentication reach."""
    return AAL2 if MULTI_FACTOR in amr else AAL1


def reaches(acr: str, wanted: str) -> bool:
    """Say whether a level is at least the wanted one; one that is not known reaches none."""
    return _RANKS.get(acr, 0) >= _RANKS[wanted]


def require_authentication(
    claims: Claims, *, max_age: timedelta | None = None, acr: str = "", now: float
) -> None:
    """Accept the claims of somebody who proved who they are lately and strongly enough.

    Args:
        claims: Of an active token.
        max_age: How long ago it may have been; None for any time.
        acr: The level that it must have reached; empty for any.
        now: Seconds since 1970.

    Raises:
        InsufficientUserAuthentication: It was too long ago or too weak (RFC 9470).

    """
    is_old = max_age is not None and now - claims.authenticated_at > max_age.total_seconds()
    if is_old or not reaches(claims.acr, acr):
        raise InsufficientUserAuthentication(max_age=max_age, acr=acr)


def step_up(error: InsufficientUserAuthentication) -> str:
    """Give the `WWW-Authenticate` that says which authentication is wanted (RFC 9470, 3)."""
    challenge = 'Bearer error="insufficient_user_authentication"'
    if error.acr:
        challenge += f', acr_values="{error.acr}"'
    if error.max_age is not None:
        challenge += f', max_age="{error.max_age.total_seconds():.0f}"'
    return challenge
