"""What may be asked for at a login, and how long what is given lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from authsvc.errors import InvalidAudience, InvalidScope

RESERVED_SCOPES = "authsvc."
"""Scopes that begin so rule over authsvc itself."""

MAX_SCOPE_CHARACTERS = 2_048
"""Of all scopes of a grant: with the most roles an account has, a token stays within 8 KiB."""

ADMINISTRATOR = "authsvc.admin"
"""The role of an account that may ask for reserved scopes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantPolicy:
    """What may be asked for, and how long a session lasts."""

    default_audience: str
    audiences: frozenset[str] | None
    """For whom tokens are issued; None means for whoever is named."""
    scopes: frozenset[str] | None
    """What any account may ask for; None means everything that is not reserved."""
    idle_lifetime: timedelta
    absolute_lifetime: timedelta
    sessions_per_account: int

    def audience(self, requested: str) -> str:
        """Give the audience of a grant.

        Raises:
            InvalidAudience: Tokens are not issued for it.

        """
        audience = requested or self.default_audience
        if self.audiences is not None and audience not in self.audiences | {self.default_audience}:
            raise InvalidAudience(audience)
        return audience

    def check_scopes(self, requested: Sequence[str], roles: Sequence[str]) -> None:
        """Accept the scopes that an account with these roles asks for.

        Raises:
            InvalidScope: One of them may not be granted, or a token could not hold them all.

        """
        if len(" ".join(requested)) > MAX_SCOPE_CHARACTERS:
            raise InvalidScope("too long together")
        for scope in requested:
            if scope.startswith(RESERVED_SCOPES):
                granted = ADMINISTRATOR in roles
            else:
                granted = self.scopes is None or scope in self.scopes
            if not granted:
                raise InvalidScope(scope)
