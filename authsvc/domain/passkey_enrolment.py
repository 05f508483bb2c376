"""Enrolling a passkey: the browser is asked to make one, and what it made becomes a factor."""

import hashlib
from collections.abc import Sequence
from typing import NoReturn

from authsvc.domain.accounts import Account
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.challenges import Challenge, ChallengePurpose, Challenges
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.factor_enrolment import EnrolledFactor, FactorEnrolment
from authsvc.domain.factors import FactorType
from authsvc.domain.identifiers import new_factor_id
from authsvc.domain.passkey_check import PASSKEY, AskedPasskey, PasskeyCheck
from authsvc.domain.passkeys import NewCredential, Passkey, PasskeyStore, PasskeyUser
from authsvc.domain.reauthentication import Reauthentication
from authsvc.errors import InvalidChallenge, InvalidFactor


class PasskeyEnrolment:
    """Enrols passkeys."""

    def __init__(
        self,
        *,
        store: PasskeyStore,
        passkeys: PasskeyCheck,
        challenges: Challenges,
        enrolment: FactorEnrolment,
        reauthentication: Reauthentication,
        attempts: Attempts,
        record: EventSink,
    ) -> None:
        self._store = store
        self._passkeys = passkeys
        self._challenges = challenges
        self._enrolment = enrolment
        self._reauthentication = reauthentication
        self._attempts = attempts
        self._record = record

    def start(self, call: Call, display_name: str) -> AskedPasskey:
        """Ask the browser for a new passkey.

        Raises:
            PasskeysNotServed: There are no passkeys here.
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or too weak.
            FactorLimitReached: The account has as many passkeys as it may have.
            TooManyAttempts: The peer asks too often.

        """
        party = self._passkeys.require_party()
        account = self._reauthentication.require(call)
        self._enrolment.check_limit(account, FactorType.PASSKEY)
        self._attempts.start_passkey(call)
        challenge = Challenge(
            purpose=ChallengePurpose.PASSKEY_ENROLMENT,
            client_id=call.client_id,
            account_id=account.account_id,
            epoch=account.epoch,
            display_name=display_name,
            expire_time=self._challenges.expire_time(),
        )
        existing = self._store.list(account.account_id)
        user = PasskeyUser(user_handle=_user_handle(existing, challenge), username=account.username)
        return AskedPasskey(
            token=self._challenges.give(challenge),
            options=party.creation_options(challenge.nonce, user, existing=existing),
            expire_time=challenge.expire_time,
        )

    def finish(self, call: Call, token: str, answer: str) -> EnrolledFactor:
        """Make a factor of the passkey that the browser has made.

        Raises:
            PasskeysNotServed: There are no passkeys here.
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or too weak.
            InvalidChallenge: There is none, it is another account's, or was answered before.
            InvalidFactor: The answer is malformed, or the credential is a passkey already.
            FactorLimitReached: The account has as many passkeys as it may have.

        """
        party = self._passkeys.require_party()
        account = self._reauthentication.require(call)
        challenge = self._take(call, account, token)
        try:
            made = party.verify_creation(answer, challenge=challenge.nonce)
            return self._enrol(call, account, challenge, made)
        except InvalidFactor as refusal:
            self._fail(call, account, str(refusal))

    def _take(self, call: Call, account: Account, token: str) -> Challenge:
        challenge = self._challenges.find(call, token, ChallengePurpose.PASSKEY_ENROLMENT)
        if (challenge.account_id, challenge.epoch) != (account.account_id, account.epoch):
            detail = "another account's, or the epoch was raised"
            raise InvalidChallenge(detail)
        self._challenges.spend(token)
        return challenge

    def _enrol(
        self, call: Call, account: Account, challenge: Challenge, made: NewCredential
    ) -> EnrolledFactor:
        existing = self._store.list(account.account_id)
        passkey = Passkey(
            factor_id=new_factor_id(),
            account_id=account.account_id,
            credential_id=made.credential_id,
            user_handle=_user_handle(existing, challenge),
            public_key=made.public_key,
            sign_count=made.sign_count,
            aaguid=made.aaguid,
            transports=made.transports,
            backup_eligible=made.backup_eligible,
            backed_up=made.backed_up,
        )
        return self._enrolment.enrol(
            call,
            account,
            FactorType.PASSKEY,
            factor_id=passkey.factor_id,
            display_name=challenge.display_name,
            methods=PASSKEY,
            keep=lambda enrolment: self._store.enrol(enrolment, passkey),
        )

    def _fail(self, call: Call, account: Account, reason: str) -> NoReturn:
        subject = account.account_id
        self._record(call.event(EventType.FACTOR_ENROLLED, subject=subject, failure=reason))
        raise InvalidFactor(reason)


def _user_handle(existing: Sequence[Passkey], challenge: Challenge) -> bytes:
    """Give what the account's passkeys call it; the first one's follows from random bytes.

    The challenge is bound to the account's epoch, so that between its two uses there are no others.
    """
    if existing:
        return existing[0].user_handle
    return hashlib.sha256(b"user handle\0" + challenge.nonce).digest()
