"""A passkey as proof: what the browser is asked, and whether its answer is accepted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from authsvc.domain.calls import Call
from authsvc.domain.challenges import Challenge
from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventSink, EventType
from authsvc.domain.identifiers import AccountId
from authsvc.domain.passkeys import Assertion, Passkey, PasskeyStore, RelyingParty
from authsvc.errors import InvalidFactor, PasskeysNotServed

PASSKEY = ("pop", "user")
"""What RFC 8176 has for it; why not `hwk` or `swk` says docs/decisions/0013."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPasskey:
    """What the browser is to be asked."""

    token: str = field(repr=False)
    options: str
    """In the JSON form of WebAuthn Level 3, 5.1."""
    expire_time: datetime


class PasskeyCheck:
    """Asks for passkeys and knows their assertions."""

    def __init__(
        self, *, party: RelyingParty | None, store: PasskeyStore, record: EventSink, clock: Clock
    ) -> None:
        self._party = party
        self._store = store
        self._record = record
        self._clock = clock

    def require_party(self) -> RelyingParty:
        """Give who asks for passkeys here.

        Raises:
            PasskeysNotServed: Nobody does.

        """
        if self._party is None:
            raise PasskeysNotServed
        return self._party

    def request_options(self, account_id: AccountId, nonce: bytes) -> str:
        """Give what the browser is to be asked for a passkey of the account; "" if it has none."""
        own = self._store.list(account_id) if self._party is not None else ()
        return self.require_party().request_options(nonce, allowed=own) if own else ""

    def check(
        self, call: Call, account_id: AccountId, proof: str, *, challenge: Challenge, event: Event
    ) -> tuple[str, ...]:
        """See FactorCheck."""
        passkey, assertion = self.identify(proof)
        if passkey.account_id != account_id:
            detail = "another account's passkey"
            raise InvalidFactor(detail)
        self.accept(call, passkey, assertion, challenge=challenge, event=event)
        return PASSKEY

    def identify(self, proof: str) -> tuple[Passkey, Assertion]:
        """Read an assertion and find the passkey that it names; nothing is proven yet.

        Raises:
            PasskeysNotServed: There are no passkeys here.
            InvalidFactor: It is malformed, or there is no such passkey.

        """
        assertion = self.require_party().read_assertion(proof)
        passkey = self._store.find(assertion.credential_id)
        if passkey is None:
            detail = "unknown passkey"
            raise InvalidFactor(detail)
        return passkey, assertion

    def accept(
        self,
        call: Call,
        passkey: Passkey,
        assertion: Assertion,
        *,
        challenge: Challenge,
        event: Event | None,
    ) -> None:
        """Accept an assertion as its passkey's answer to a challenge, and note the use.

        The event is None if the use is part of an act that has its own.

        The caller MUST have spent the challenge, or two calls with one answer look like two
        copies of the passkey.

        Raises:
            InvalidFactor: It proves nothing, or the passkey may have been copied.

        """
        use = self.require_party().verify_assertion(assertion, passkey, challenge=challenge.nonce)
        is_noted = self._store.use(
            passkey.factor_id,
            sign_count=use.sign_count,
            backed_up=use.backed_up,
            now=self._clock(),
            event=event,
        )
        if not is_noted:
            self._suspect(call, passkey)

    def _suspect(self, call: Call, passkey: Passkey) -> NoReturn:
        """Refuse what a copy of the private key could have signed (WebAuthn Level 3, 6.1.1)."""
        reason = "the sign count did not grow"
        subject = passkey.account_id
        self._record(call.event(EventType.PASSKEY_CLONE_SUSPECTED, subject=subject, failure=reason))
        raise InvalidFactor(reason)
