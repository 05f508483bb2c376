"""What may be asked of an access token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a token must meet beside being active."""

    audience: str = ""
    """Whom it must be for; empty for the default audience."""
    scopes: Sequence[str] = ()
    """All of these."""
    min_revision: int = 0
    """The revision of the revocations that it must at least be checked against."""
    max_age: timedelta | None = None
    """How long ago its subject may have proved who it is; None for any time."""
    acr: str = ""
    """How surely it must have; empty for any way."""
    certificate: bytes = b""
    """SHA-256 of the certificate that came with it, which a bound token needs; empty for none."""


NOTHING_MORE = Requirements()
"""An active token for the default audience."""
