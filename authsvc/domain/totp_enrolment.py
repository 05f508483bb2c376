"""Enrolling an authenticator app: its secret is told once, and a code shows that it was taken."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.factor_enrolment import EnrolledFactor, FactorEnrolment
from authsvc.domain.factors import FactorType
from authsvc.domain.identifiers import FactorId, new_factor_id
from authsvc.domain.reauthentication import Reauthentication, at_the_same_epoch
from authsvc.domain.second_factor import ONE_TIME_CODE
from authsvc.domain.totp import (
    NO_STEP,
    PendingTotp,
    TotpStore,
    matching_step,
    new_seed,
    otpauth_uri,
    seed_text,
)
from authsvc.errors import FactorNotFound, InvalidFactor

_LIFETIME = timedelta(minutes=10)
"""How long an app may take to show its first code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTotp:
    """What the app must know, told this once."""

    factor_id: FactorId
    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    expire_time: datetime


class TotpEnrolment:
    """Enrols authenticator apps."""

    def __init__(
        self,
        *,
        store: TotpStore,
        enrolment: FactorEnrolment,
        reauthentication: Reauthentication,
        attempts: Attempts,
        issuer_name: str,
        record: EventSink,
        clock: Clock,
    ) -> None:
        """Put it together.

        Args:
            store: Keeps the apps.
            enrolment: Makes a factor of what has been proven.
            reauthentication: Who may enrol.
            attempts: How often a code may be tried.
            issuer_name: What apps show beside the user name.
            record: Takes the events.
            clock: The wall clock.

        """
        self._store = store
        self._enrolment = enrolment
        self._reauthentication = reauthentication
        self._attempts = attempts
        self._issuer_name = issuer_name
        self._record = record
        self._clock = clock

    def begin(self, call: Call, display_name: str) -> NewTotp:
        """Make the secret of a new app, which replaces one that was not confirmed.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or too weak.
            FactorLimitReached: The account has as many apps as it may have.

        """
        account = self._reauthentication.require(call)
        self._enrolment.check_limit(account, FactorType.TOTP)
        seed = new_seed()
        pending = PendingTotp(
            factor_id=new_factor_id(),
            account_id=account.account_id,
            display_name=display_name,
            seed=seed,
            epoch=account.epoch,
            expire_time=self._clock() + _LIFETIME,
        )
        with at_the_same_epoch():
            self._store.begin(
                pending,
                event=call.event(EventType.FACTOR_OFFERED, subject=account.account_id, note="totp"),
            )
        return NewTotp(
            factor_id=pending.factor_id,
            secret=seed_text(seed),
            otpauth_uri=otpauth_uri(seed, issuer=self._issuer_name, username=account.username),
            expire_time=pending.expire_time,
        )

    def confirm(self, call: Call, factor_id: FactorId, code: str) -> EnrolledFactor:
        """Make an app a factor that shows the right code; the code then can't be used again.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or too weak.
            FactorNotFound: It is unknown, or it is too late.
            InvalidFactor: The code is wrong.
            FactorLimitReached: The account has as many apps as it may have.
            TooManyAttempts: The code was not looked at.

        """
        account = self._reauthentication.require(call)
        now = self._clock()
        pending = self._store.find_pending(account.account_id, factor_id)
        if pending is None or pending.expire_time <= now or pending.epoch != account.epoch:
            raise FactorNotFound(factor_id)
        with self._attempts.second_factor(account.account_id, factor="totp enrolment"):
            step = matching_step(pending.seed, code, now=now, after=NO_STEP)
            if step is None:
                self._fail(call, pending)
        return self._enrolment.enrol(
            call,
            account,
            FactorType.TOTP,
            factor_id=factor_id,
            display_name=pending.display_name,
            methods=ONE_TIME_CODE,
            keep=lambda enrolment: self._store.enrol(enrolment, pending, step=step),
        )

    def _fail(self, call: Call, pending: PendingTotp) -> NoReturn:
        reason = "wrong totp code"
        self._record(
            call.event(EventType.FACTOR_ENROLLED, subject=pending.account_id, failure=reason)
        )
        raise InvalidFactor(reason)
