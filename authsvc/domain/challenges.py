"""Challenges: what a caller is given to answer before a session or a factor comes of it.

A token is `asc_` and 192 random bits, of which the store keeps a hash only. A challenge is bound to
the client that it was given to and to the account's epoch, is short-lived, and is spent by whoever
answers it.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.grants import GrantRequest
from authsvc.domain.identifiers import AccountId, encode_id
from authsvc.errors import InvalidChallenge

CHALLENGE_LIFETIME = timedelta(minutes=5)

_PREFIX = "asc_"
_TOKEN_BYTES = 24
_NONCE_BYTES = 32


class ChallengePurpose(Enum):
    """What comes of the right answer."""

    SECOND_FACTOR = "second factor"
    """The session of a login whose first factor was right."""
    PASSKEY_LOGIN = "passkey login"
    """A session by a passkey alone."""
    PASSKEY_ENROLMENT = "passkey enrolment"
    """A factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What was asked, of whom, and what for."""

    purpose: ChallengePurpose
    client_id: str
    """The calling service that it was given to."""
    account_id: AccountId | None
    """None if the answer will tell."""
    epoch: int
    """The account's epoch; the challenge is dead once the account's is another."""
    request: GrantRequest = field(default_factory=GrantRequest)
    """The session that is to come of it."""
    amr: tuple[str, ...] = ()
    """The methods by which the account has proven itself so far."""
    display_name: str = ""
    """Of the factor that is to come of it."""
    identifier: str = ""
    """Of the account that must give the answer; empty for any."""
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(_NONCE_BYTES))
    """What an authenticator is to sign. Not a secret."""
    expire_time: datetime


class ChallengeStore(Protocol):
    """Keeps challenges in Redis. Fails closed: StoreUnavailable.

    An emptied one knows none, so that whoever holds a token begins again.
    """

    def keep(self, token_hash: bytes, challenge: Challenge, *, life: timedelta) -> None:
        """Keep a new challenge for a time."""

    def find(self, token_hash: bytes) -> Challenge | None:
        """Give a challenge that is not spent, or None; it may be past its end."""

    def spend(self, token_hash: bytes) -> bool:
        """Forget a challenge; of calls at once for one challenge one gets True."""


class Challenges:
    """Gives challenges and takes them back."""

    def __init__(self, *, store: ChallengeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def expire_time(self) -> datetime:
        """Give the end of a challenge that is made now."""
        return self._clock() + CHALLENGE_LIFETIME

    def give(self, challenge: Challenge) -> str:
        """Keep a challenge and give its token."""
        token = _PREFIX + encode_id(secrets.token_bytes(_TOKEN_BYTES))
        self._store.keep(_hash(token), challenge, life=challenge.expire_time - self._clock())
        return token

    def find(self, call: Call, token: str, purpose: ChallengePurpose) -> Challenge:
        """Give the challenge of a token, which stays open.

        Raises:
            InvalidChallenge: There is none, it is over, or of another purpose or client.

        """
        challenge = self._store.find(_hash(token))
        if challenge is None or challenge.purpose is not purpose:
            detail = "unknown, or spent"
            raise InvalidChallenge(detail)
        if challenge.client_id != call.client_id:
            detail = "another client's"
            raise InvalidChallenge(detail)
        if challenge.expire_time <= self._clock():
            detail = "expired"
            raise InvalidChallenge(detail)
        return challenge

    def spend(self, token: str) -> None:
        """Take a challenge back for good.

        Raises:
            InvalidChallenge: Somebody else was faster.

        """
        if not self._store.spend(_hash(token)):
            detail = "spent meanwhile"
            raise InvalidChallenge(detail)


def _hash(token: str) -> bytes:
    """A token has 192 random bits, so no slow hash is due."""
    return hashlib.sha256(token.encode()).digest()
