"""What may be asked of an access token."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple


class Requirements(NamedTuple):
    """What a token must meet beside being active: a tuple, since most checks make one."""

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
