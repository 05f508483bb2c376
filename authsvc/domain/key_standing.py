"""Where each signing key is in its life.

A key's state follows from the times in its record and the keys that came after it, so that every
worker comes to the same answer without being told:

PENDING   published, but not signing before its `activate_time`;
ACTIVE    the latest that has been activated;
RETIRED   an earlier one, until the last token that it can have signed has ended;
REVOKED   compromised: nothing that it signed is accepted. What it retired stays retired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from authsvc.domain.signing_keys import SigningKey


class KeyState(Enum):
    """Where in its life a signing key is."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStanding:
    """A key and where it stands at a moment."""

    key: SigningKey
    state: KeyState
    expire_time: datetime | None
    """When it leaves the key set; None while that is not known."""


def standings(
    keys: Sequence[SigningKey], *, now: datetime, token_lifetime: timedelta
) -> list[KeyStanding]:
    """Say where each key stands, newest first."""
    result: list[KeyStanding] = []
    successor: datetime | None = None
    for key in sorted(keys, key=lambda key: (key.activate_time, key.key_id), reverse=True):
        expire_time = successor + token_lifetime if successor else None
        if key.revoke_time is not None:
            state = KeyState.REVOKED
            expire_time = key.revoke_time + token_lifetime
            if key.activate_time <= key.revoke_time:
                successor = key.activate_time
        elif key.activate_time > now:
            state = KeyState.PENDING
        elif successor is None:
            state = KeyState.ACTIVE
            successor = key.activate_time
        else:
            state = KeyState.RETIRED
            successor = key.activate_time
        result.append(KeyStanding(key=key, state=state, expire_time=expire_time))
    return result
