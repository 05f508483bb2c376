"""From a factor that was just proven to one that counts, of whatever type it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from authsvc.domain.accounts import Account, EndTokens
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventType
from authsvc.domain.factors import (
    FACTOR_LIMITS,
    Enrolled,
    Enrolment,
    Factor,
    FactorStore,
    FactorType,
)
from authsvc.domain.grants import Grants, Tokens
from authsvc.domain.identifiers import FactorId
from authsvc.domain.reauthentication import at_the_same_epoch
from authsvc.domain.recovery_codes import hash_recovery_code, new_recovery_codes
from authsvc.domain.revocation import Revoker
from authsvc.errors import FactorLimitReached
from authsvc.verify.assurance import MULTI_FACTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledFactor:
    """A new factor, and what else came of it."""

    factor: Factor
    recovery_codes: Sequence[str] = field(repr=False)
    """Only with the account's first factor."""
    revision: int
    """At which the account's old sessions are dead."""
    tokens: Tokens
    """Of a new one."""


class FactorEnrolment:
    """Makes factors count."""

    def __init__(
        self,
        *,
        factors: FactorStore,
        grants: Grants,
        revoker: Revoker,
        clock: Clock,
    ) -> None:
        self._factors = factors
        self._grants = grants
        self._revoker = revoker
        self._clock = clock

    def check_limit(self, account: Account, kind: FactorType) -> None:
        """Refuse early what `enrol` would refuse.

        Raises:
            FactorLimitReached: The account has as many factors of the type as it may have.

        """
        factors = self._factors.list(account.account_id)
        if [factor.type for factor in factors].count(kind) >= FACTOR_LIMITS[kind]:
            raise FactorLimitReached(kind.value)

    def enrol(
        self,
        call: Call,
        account: Account,
        kind: FactorType,
        *,
        factor_id: FactorId,
        display_name: str,
        methods: tuple[str, ...],
        keep: Callable[[Enrolment], Enrolled],
    ) -> EnrolledFactor:
        """Make a factor count, end all sessions of its account and open a new one for the caller.

        Args:
            call: The call of an account that has proven itself, and just now the factor.
            account: The account, as it was when that was looked at.
            kind: What the factor is.
            factor_id: What it is to be called.
            display_name: What its owner calls it.
            methods: How it was proven (RFC 8176).
            keep: Keeps the factor with what proves it, in one transaction.

        Raises:
            TokenInactive: The caller's token has died meanwhile.
            FactorLimitReached: The account has as many factors of the type as it may have.

        """
        codes = new_recovery_codes()
        session_id = self._grants.new_session(account.account_id)
        enrolment = Enrolment(
            factor=Factor(
                factor_id=factor_id,
                account_id=account.account_id,
                type=kind,
                display_name=display_name,
                create_time=self._clock(),
            ),
            limit=FACTOR_LIMITS[kind],
            recovery_code_hashes=[hash_recovery_code(account.account_id, code) for code in codes],
            expected_epoch=account.epoch,
            event=call.event(
                EventType.FACTOR_ENROLLED,
                subject=account.account_id,
                session_id=session_id,
                note=kind.value,
            ),
            end_tokens=EndTokens(
                reason="factor enrolled", remember_until=self._revoker.remember_account()
            ),
        )
        with at_the_same_epoch():
            enrolled = keep(enrolment)
        revision = self._revoker.put_in_force(enrolled.revocation)
        tokens = self._grants.renew(
            call, enrolled.account, session_id=session_id, methods=(*methods, MULTI_FACTOR)
        )
        return EnrolledFactor(
            factor=enrolment.factor,
            recovery_codes=codes if enrolled.is_first else (),
            revision=revision,
            tokens=tokens,
        )
