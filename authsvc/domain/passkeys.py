"""Passkeys: what they are, who judges them, and where they are kept (WebAuthn Level 3).

A passkey proves that somebody holds a private key and has unlocked it, by a PIN or by what they
are: two factors in one. Here only its public half is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from authsvc.domain.events import Event
from authsvc.domain.factors import Enrolled, Enrolment
from authsvc.domain.identifiers import AccountId, FactorId

MAX_CREDENTIAL_ID_BYTES = 1023
"""WebAuthn Level 3, 4; as CTAP 2.1 has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A public key credential of an account. What its owner calls it, its `Factor` says."""

    factor_id: FactorId
    account_id: AccountId
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyUser:
    """Whom a new passkey is for."""

    user_handle: bytes
    username: str
    """Shown to the person by the authenticator, and kept there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """What an authenticator has made; the fields are those of `Passkey`."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: bytes
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an authenticator says of who is there, read and not yet judged."""

    credential_id: bytes
    user_handle: bytes | None
    answer: str = field(repr=False)
    """As it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenUse:
    """What a good assertion says of its passkey's present state."""

    sign_count: int
    backed_up: bool


class RelyingParty(Protocol):
    """Asks authenticators and judges their answers; knows no store and spends no challenge.

    Whoever calls it makes sure that a challenge is used once, and looks at the sign count. A
    challenge is random, of 16 bytes at least (WebAuthn Level 3, 13.4.3).
    """

    def creation_options(
        self, challenge: bytes, user: PasskeyUser, *, existing: Sequence[Passkey]
    ) -> str:
        """Give what `navigator.credentials.create` is to be asked, in its JSON form.

        Args:
            challenge: What is to be answered.
            user: Whom the passkey is for.
            existing: What the account has; an authenticator that holds one makes no second.

        """

    def verify_creation(self, answer: str, *, challenge: bytes) -> NewCredential:
        """Accept what `navigator.credentials.create` gave, as `PublicKeyCredential.toJSON` has it.

        Raises:
            InvalidFactor: It is malformed, or a step of WebAuthn Level 3, 7.1 refuses it.

        """

    def request_options(self, challenge: bytes, *, allowed: Sequence[Passkey] = ()) -> str:
        """Give what `navigator.credentials.get` is to be asked, in its JSON form.

        Args:
            challenge: What is to be answered.
            allowed: Which passkeys may answer; none named means any that the person chooses.

        """

    def read_assertion(self, answer: str) -> Assertion:
        """Read what `navigator.credentials.get` gave, as `PublicKeyCredential.toJSON` has it.

        Raises:
            InvalidFactor: It is malformed.

        """

    def verify_assertion(
        self, assertion: Assertion, passkey: Passkey, *, challenge: bytes
    ) -> ProvenUse:
        """Accept an assertion as one of the passkey's, made for this challenge.

        Raises:
            InvalidFactor: A step of WebAuthn Level 3, 7.2 refuses it.

        """


class PasskeyStore(Protocol):
    """Keeps passkeys in SQL, and events with what they report (see `events.py`).

    Fails closed: StoreUnavailable, and then nothing was written.
    """

    def enrol(self, enrolment: Enrolment, passkey: Passkey) -> Enrolled:
        """Make a passkey a factor; MUST be atomic.

        Raises:
            AccountNotFound: No such account, or its epoch is not the expected one.
            FactorLimitReached: The account has as many passkeys as it may have.
            InvalidFactor: The credential is a passkey already, be it of another account.

        """

    def find(self, credential_id: bytes) -> Passkey | None:
        """Give the passkey that its authenticator calls so, or None."""

    def list(self, account_id: AccountId) -> Sequence[Passkey]:
        """Give the passkeys of an account, oldest first."""

    def use(
        self,
        factor_id: FactorId,
        *,
        sign_count: int,
        backed_up: bool,
        now: datetime,
        event: Event | None,
    ) -> bool:
        """Note a use; MUST be atomic, so that of two uses with one count the second is told.

        The event is None if the use is part of an act that has its own.

        Returns:
            False, with nothing written, if the count did not grow although it or the kept one
            is not 0, or if there is no such passkey.

        """
