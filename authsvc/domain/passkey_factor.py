"""A passkey as proof: what the browser is asked, and whether the answer is accepted.

The challenge that an authenticator signs follows from the challenge token that stands for a
ceremony: so it is bound to what the token is bound to, ends with it, and is kept nowhere.
"""

import hashlib
from collections.abc import Sequence

from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.identifiers import AccountId
from authsvc.domain.passkeys import Assertion, Passkey, PasskeyStore, RelyingParty
from authsvc.errors import InvalidFactor, PasskeysNotServed

PASSKEY = ("pop", "user", "mfa")
"""The authentication methods of RFC 8176 that a passkey stands for; docs/decisions/0010."""


class PasskeyFactor:
    """Asks for passkeys and accepts them."""

    def __init__(
        self,
        *,
        party: RelyingParty | None,
        passkeys: PasskeyStore,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._party = party
        self._passkeys = passkeys
        self._record = record
        self._clock = clock

    @property
    def party(self) -> RelyingParty:
        """Who asks.

        Raises:
            PasskeysNotServed: Nobody does.

        """
        if self._party is None:
            raise PasskeysNotServed
        return self._party

    def ask(self, challenge_token: str, *, allowed: Sequence[Passkey] = ()) -> str:
        """Give what the browser is to be asked: for one of these passkeys, or else for any.

        Raises:
            PasskeysNotServed: There are no passkeys here.

        """
        return self.party.request_options(signed_challenge(challenge_token), allowed=allowed)

    def ask_owner(self, challenge_token: str, account_id: AccountId) -> str:
        """Give what the browser is to be asked for a passkey of the account; "" if it has none."""
        if self._party is None:
            return ""
        own = self._passkeys.list(account_id)
        return self.ask(challenge_token, allowed=own) if own else ""

    def identify(self, answer: str) -> tuple[Passkey, Assertion]:
        """Read an assertion and find the passkey that it names; nothing is proven yet.

        Raises:
            PasskeysNotServed: There are no passkeys here.
            InvalidFactor: It is malformed, or there is no such passkey.

        """
        assertion = self.party.read_assertion(answer)
        passkey = self._passkeys.find(assertion.credential_id)
        if passkey is None:
            detail = "unknown passkey"
            raise InvalidFactor(detail)
        return passkey, assertion

    def accept(
        self, call: Call, passkey: Passkey, assertion: Assertion, *, challenge_token: str
    ) -> None:
        """Accept an assertion of a passkey, and note the use.

        Raises:
            InvalidFactor: It proves nothing, or the passkey may have been copied.

        """
        use = self.party.verify_assertion(
            assertion, passkey, challenge=signed_challenge(challenge_token)
        )
        noted = self._passkeys.use(
            passkey.factor_id,
            sign_count=use.sign_count,
            backed_up=use.backed_up,
            now=self._clock(),
        )
        if not noted:
            self._suspect(call, passkey)

    def _suspect(self, call: Call, passkey: Passkey) -> None:
        reason = "its sign count did not grow"
        self._record(
            call.event(EventType.PASSKEY_CLONE_SUSPECTED, subject=passkey.account_id, failure=reason)
        )
        raise InvalidFactor(reason)


def signed_challenge(challenge_token: str) -> bytes:
    """Give the challenge that authenticators sign for a challenge token: 32 bytes."""
    return hashlib.sha256(b"webauthn challenge\0" + challenge_token.encode()).digest()
