"""Logging in by a passkey alone: it is two factors in one, since it verifies its owner."""

from typing import NoReturn

from authsvc.domain.accounts import Account, AccountState, AccountStore
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.challenges import Challenge, ChallengePurpose, Challenges
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import GrantRequest, Grants, Tokens
from authsvc.domain.passkey_check import PASSKEY, AskedPasskey, PasskeyCheck
from authsvc.domain.passkeys import Assertion, Passkey
from authsvc.domain.second_factor import ProofKind
from authsvc.errors import InvalidCredentials, InvalidFactor
from authsvc.verify.assurance import MULTI_FACTOR


class PasskeyLogin:
    """Opens sessions for whoever holds a passkey."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        passkeys: PasskeyCheck,
        challenges: Challenges,
        attempts: Attempts,
        grants: Grants,
        record: EventSink,
    ) -> None:
        self._accounts = accounts
        self._passkeys = passkeys
        self._challenges = challenges
        self._attempts = attempts
        self._grants = grants
        self._record = record

    def start(self, call: Call, identifier: str) -> AskedPasskey:
        """Ask for whatever passkey the person chooses, in the end one of the identifier's account.

        Nothing is looked up, so that nothing can tell whether there is such an account (P-THR-3).

        Raises:
            PasskeysNotServed: There are no passkeys here.
            TooManyAttempts: The peer asks too often.

        """
        party = self._passkeys.require_party()
        self._attempts.start_passkey(call)
        challenge = Challenge(
            purpose=ChallengePurpose.PASSKEY_LOGIN,
            client_id=call.client_id,
            account_id=None,
            epoch=0,
            identifier=identifier,
            expire_time=self._challenges.expire_time(),
        )
        return AskedPasskey(
            token=self._challenges.give(challenge),
            options=party.request_options(challenge.nonce),
            expire_time=challenge.expire_time,
        )

    def finish(self, call: Call, token: str, proof: str, request: GrantRequest) -> Tokens:
        """Open a session for the owner of the passkey that has answered a challenge.

        Raises:
            PasskeysNotServed: There are no passkeys here.
            InvalidChallenge: There is none, or it was answered before, rightly or not.
            InvalidFactor: The answer proves nothing, or its account may not log in.
            TooManyAttempts: Nothing was looked at.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.

        """
        self._passkeys.require_party()
        challenge = self._challenges.find(call, token, ChallengePurpose.PASSKEY_LOGIN)
        with self._attempts.passkey_login(call, request.client):
            self._challenges.spend(token)
            account = self._prove(call, challenge, proof)
        self._grants.check(call, request, roles=account.roles)
        try:
            tokens = self._grants.open(call, account, request, amr=(*PASSKEY, MULTI_FACTOR))
        except InvalidCredentials:
            self._fail(call, account.account_id, "changed meanwhile")
        self._record(
            call.event(EventType.LOGIN, subject=account.account_id, session_id=tokens.session_id)
        )
        return tokens

    def _prove(self, call: Call, challenge: Challenge, proof: str) -> Account:
        try:
            passkey, assertion = self._passkeys.identify(proof)
        except InvalidFactor as refusal:
            self._fail(call, "", str(refusal))
        account_id, factor = passkey.account_id, ProofKind.PASSKEY.value
        with self._attempts.second_factor(account_id, factor=factor):
            try:
                return self._check(call, challenge, passkey, assertion)
            except InvalidFactor as refusal:
                self._fail(call, account_id, str(refusal))

    def _check(
        self, call: Call, challenge: Challenge, passkey: Passkey, assertion: Assertion
    ) -> Account:
        if assertion.user_handle is None:  # WebAuthn Level 3, 7.2, 6
            _refuse("no user handle")
        # Before the use is noted: should the passkey be taken away meanwhile, the epoch tells.
        account = self._accounts.find(passkey.account_id)
        self._passkeys.accept(call, passkey, assertion, challenge=challenge, event=None)
        if account is None:
            _refuse("unknown")
        if account.state is not AccountState.ACTIVE:
            _refuse("disabled")
        if challenge.identifier and not self._is_named(account, challenge.identifier):
            _refuse("another account's passkey")
        return account

    def _is_named(self, account: Account, identifier: str) -> bool:
        named = self._accounts.find_by_identifier(identifier)
        return named is not None and named.account_id == account.account_id

    def _fail(self, call: Call, subject: str, reason: str) -> NoReturn:
        self._record(call.event(EventType.LOGIN, subject=subject, failure=reason))
        raise InvalidFactor(reason)


def _refuse(reason: str) -> NoReturn:
    raise InvalidFactor(reason)
