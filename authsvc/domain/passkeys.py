"""Passkeys: what they are, and where they are kept (WebAuthn Level 3).

A passkey proves that somebody holds a private key and has unlocked it, by a PIN or by what they
are: two factors in one. Here only its public half is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from authsvc.domain.identifiers import AccountId

MAX_CREDENTIAL_ID_BYTES = 1023
"""WebAuthn Level 3, 4; as CTAP 2.1 has it."""

USER_HANDLE_BYTES = 32
"""WebAuthn allows 64; 128 random bits would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A public key credential of an account."""

    passkey_id: str
    """What authsvc calls it; the authenticator does not know it."""
    account_id: AccountId
    name: str
    """What its owner calls it; may be empty."""
    credential_id: bytes
    """What the authenticator calls it. No two passkeys share one, whosoever they are."""
    user_handle: bytes
    """What the authenticator calls the account: random, so that it tells nobody who that is."""
    public_key: bytes = field(repr=False)
    """A COSE_Key (RFC 9052, 7)."""
    sign_count: int
    """How often it has signed, as it last said; 0 if it does not count."""
    aaguid: bytes
    """The model of the authenticator, as it says itself; zeros if it does not."""
    transports: tuple[str, ...]
    """How the authenticator can be reached, in WebAuthn's words."""
    backup_eligible: bool
    """Whether the private key may leave the device. Fixed for the credential's life."""
    backed_up: bool
    """Whether it had left it, as it last said."""
    create_time: datetime
    last_use_time: datetime | None


class PasskeyStore(Protocol):
    """Keeps passkeys in SQL. Fails closed: StoreUnavailable, and then nothing was written."""

    def find(self, credential_id: bytes) -> Passkey | None:
        """Give the passkey that its authenticator calls so, or None."""

    def list(self, account_id: AccountId) -> Sequence[Passkey]:
        """Give the passkeys of an account, oldest first."""

    def use(self, passkey_id: str, *, sign_count: int, backed_up: bool, now: datetime) -> bool:
        """Note a use; MUST be atomic, so that of two uses with one count the second is told.

        Returns:
            False, with nothing written, if the count did not grow although it or the kept one
            is not 0, or if there is no such passkey.

        """
