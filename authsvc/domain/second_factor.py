"""The second half of a login: a challenge, and the factor that answers it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NoReturn, Protocol

from authsvc.domain.accounts import Account, AccountState, AccountStore
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.challenges import Challenge, ChallengePurpose, Challenges
from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventSink, EventType
from authsvc.domain.factors import FactorStore, FactorType
from authsvc.domain.grants import GrantRequest, Grants, Tokens
from authsvc.domain.identifiers import AccountId
from authsvc.domain.recovery_codes import hash_recovery_code
from authsvc.domain.totp import NO_STEP, TotpStore, matching_step
from authsvc.errors import InvalidChallenge, InvalidCredentials, InvalidFactor
from authsvc.verify.assurance import MULTI_FACTOR

ONE_TIME_CODE = ("otp",)
"""The method (RFC 8176) of codes that work once, be they shown by an app or written down."""


class ProofKind(Enum):
    """What a second factor is proven by. Wrong ones are counted for each kind apart."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery code"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the caller brings."""

    kind: ProofKind
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MfaChallenge:
    """A second factor is due."""

    token: str = field(repr=False)
    expire_time: datetime
    factor_types: tuple[FactorType, ...]
    """What the account has, each named once."""
    passkey_request_options: str
    """What the browser is to be asked for a passkey; empty if the account has none."""


class FactorCheck(Protocol):
    """Knows one kind of proof."""

    def check(
        self, call: Call, account_id: AccountId, proof: str, *, challenge: Challenge, event: Event
    ) -> tuple[str, ...]:
        """Accept a proof of the account's, once, and give its methods (RFC 8176).

        The event is kept with the use that it reports, and with no refusal.

        Raises:
            InvalidFactor: It is wrong, or was used before.

        """


class TotpCheck:
    """Knows the codes of the account's authenticator apps."""

    def __init__(self, *, store: TotpStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def check(
        self,
        call: Call,  # noqa: ARG002 - what becomes of a code is told by the caller of this
        account_id: AccountId,
        proof: str,
        *,
        challenge: Challenge,  # noqa: ARG002 - a code answers any challenge
        event: Event,
    ) -> tuple[str, ...]:
        """See FactorCheck."""
        now = self._clock()
        for secret in self._store.secrets(account_id):
            step = matching_step(secret.seed, proof, now=now, after=secret.last_step)
            # A wrong code asks the store as well: an outage must not tell it from a right one.
            step = NO_STEP if step is None else step
            if self._store.use(secret.factor_id, step=step, now=now, event=event):
                return ONE_TIME_CODE
        detail = "wrong totp code"
        raise InvalidFactor(detail)


class RecoveryCodeCheck:
    """Knows the account's recovery codes."""

    def __init__(self, *, store: FactorStore) -> None:
        self._store = store

    def check(
        self,
        call: Call,  # noqa: ARG002 - what becomes of a code is told by the caller of this
        account_id: AccountId,
        proof: str,
        *,
        challenge: Challenge,  # noqa: ARG002 - a code answers any challenge
        event: Event,
    ) -> tuple[str, ...]:
        """See FactorCheck."""
        detail = "wrong recovery code"
        try:
            code_hash = hash_recovery_code(account_id, proof)
        except ValueError:
            raise InvalidFactor(detail) from None
        if not self._store.spend_recovery_code(account_id, code_hash, event=event):
            raise InvalidFactor(detail)
        return ONE_TIME_CODE


class SecondFactor:
    """Asks for second factors and opens the sessions of those who have them."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        factors: FactorStore,
        checks: Mapping[ProofKind, FactorCheck],
        ask_passkey: Callable[[AccountId, bytes], str],
        challenges: Challenges,
        attempts: Attempts,
        grants: Grants,
        record: EventSink,
    ) -> None:
        """Put it together.

        Args:
            accounts: Whose factors they are.
            factors: What they are.
            checks: Knows the proofs of each kind.
            ask_passkey: Gives what the browser is to be asked for a passkey of an account, to sign
                a nonce.
            challenges: What stands for a login that is half done.
            attempts: How often a factor may be tried.
            grants: Opens the sessions.
            record: Takes the events.

        """
        self._accounts = accounts
        self._factors = factors
        self._checks = checks
        self._ask_passkey = ask_passkey
        self._challenges = challenges
        self._attempts = attempts
        self._grants = grants
        self._record = record

    def ask(
        self, call: Call, account: Account, request: GrantRequest, *, amr: tuple[str, ...]
    ) -> MfaChallenge:
        """Ask an account that has proven its first factor for the second.

        Whatever was counted against the second factor stays counted.
        """
        kinds = [factor.type for factor in self._factors.list(account.account_id)]
        challenge = Challenge(
            purpose=ChallengePurpose.SECOND_FACTOR,
            client_id=call.client_id,
            account_id=account.account_id,
            epoch=account.epoch,
            request=request,
            amr=amr,
            expire_time=self._challenges.expire_time(),
        )
        token = self._challenges.give(challenge)
        self._record(call.event(EventType.LOGIN_CHALLENGED, subject=account.account_id))
        return MfaChallenge(
            token=token,
            expire_time=challenge.expire_time,
            factor_types=tuple(dict.fromkeys(kinds)),
            passkey_request_options=(
                self._ask_passkey(account.account_id, challenge.nonce)
                if FactorType.PASSKEY in kinds
                else ""
            ),
        )

    def complete(self, call: Call, token: str, proof: Proof) -> Tokens:
        """Open the session that a challenge stands for.

        Raises:
            InvalidChallenge: There is none, or the account was closed or changed meanwhile.
            InvalidFactor: The proof is wrong or was used before.
            TooManyAttempts: Nothing was looked at.
            InvalidAudience: Tokens are no longer issued for the audience.
            InvalidScope: A scope may no longer be granted.

        """
        challenge = self._challenges.find(call, token, ChallengePurpose.SECOND_FACTOR)
        account = self._account(challenge)
        # What an authenticator signs is answered once, rightly or not (WebAuthn Level 3, 13.4.3).
        is_signed = proof.kind is ProofKind.PASSKEY
        with self._attempts.second_factor(account.account_id, factor=proof.kind.value):
            if is_signed:
                self._challenges.spend(token)
            methods = self._check(call, account, challenge, proof)
        if not is_signed:
            self._challenges.spend(token)
        amr = (*dict.fromkeys((*challenge.amr, *methods)), MULTI_FACTOR)
        try:
            tokens = self._grants.open(call, account, challenge.request, amr=amr)
        except InvalidCredentials:
            detail = "the account was changed meanwhile"
            raise InvalidChallenge(detail) from None
        self._record(
            call.event(EventType.LOGIN, subject=account.account_id, session_id=tokens.session_id)
        )
        return tokens

    def _account(self, challenge: Challenge) -> Account:
        account = self._accounts.find(challenge.account_id) if challenge.account_id else None
        if account is None or account.state is not AccountState.ACTIVE:
            detail = "the account is gone or closed"
            raise InvalidChallenge(detail)
        if account.epoch != challenge.epoch:
            detail = "the account's epoch was raised"
            raise InvalidChallenge(detail)
        return account

    def _check(
        self, call: Call, account: Account, challenge: Challenge, proof: Proof
    ) -> tuple[str, ...]:
        account_id, kind = account.account_id, proof.kind
        event = call.event(EventType.FACTOR_USED, subject=account_id, note=kind.value)
        check = self._checks[kind].check
        try:
            return check(call, account_id, proof.text, challenge=challenge, event=event)
        except InvalidFactor as refusal:
            self._fail(call, account, refusal)

    def _fail(self, call: Call, account: Account, refusal: InvalidFactor) -> NoReturn:
        reason = str(refusal)
        self._record(call.event(EventType.FACTOR_USED, subject=account.account_id, failure=reason))
        raise refusal
