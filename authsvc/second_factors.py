"""What second factors are made of, put together."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from authsvc import policies
from authsvc.domain.attempts import Attempts
from authsvc.domain.challenges import Challenges
from authsvc.domain.factor_directory import FactorDirectory
from authsvc.domain.factor_enrolment import FactorEnrolment
from authsvc.domain.factors import FactorStore
from authsvc.domain.grants import Grants
from authsvc.domain.passkey_check import PasskeyCheck
from authsvc.domain.passkey_enrolment import PasskeyEnrolment
from authsvc.domain.passkey_login import PasskeyLogin
from authsvc.domain.reauthentication import Reauthentication
from authsvc.domain.revocation import Revoker
from authsvc.domain.second_factor import ProofKind, RecoveryCodeCheck, SecondFactor, TotpCheck
from authsvc.domain.totp import TotpStore
from authsvc.domain.totp_enrolment import TotpEnrolment
from authsvc.foundation import Foundation
from authsvc.stores.redis.challenges import RedisChallengeStore
from authsvc.stores.sql.factors import SqlFactorStore
from authsvc.stores.sql.passkeys import SqlPasskeyStore
from authsvc.stores.sql.totp import SqlTotpStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactors:
    """The parts, of which each knows only those that it needs."""

    store: FactorStore
    second_factor: SecondFactor
    directory: FactorDirectory
    totp: TotpEnrolment
    passkey_login: PasskeyLogin
    passkey_enrolment: PasskeyEnrolment
    totp_store: TotpStore


def put_together(
    base: Foundation,
    *,
    attempts: Attempts,
    grants: Grants,
    revoker: Revoker,
) -> SecondFactors:
    """Put them together."""
    factors = SqlFactorStore(base.engine, base.outbox)
    totp_store = SqlTotpStore(base.engine, base.outbox, base.sealer)
    passkey_store = SqlPasskeyStore(base.engine, base.outbox)
    passkeys = PasskeyCheck(
        party=policies.relying_party(base.config),
        store=passkey_store,
        record=base.record,
        clock=base.clock,
    )
    challenges = Challenges(store=RedisChallengeStore(base.redis), clock=base.clock)
    reauthentication = Reauthentication(accounts=base.accounts, clock=base.clock)
    enrolment = FactorEnrolment(factors=factors, grants=grants, revoker=revoker, clock=base.clock)
    return SecondFactors(
        store=factors,
        second_factor=SecondFactor(
            accounts=base.accounts,
            factors=factors,
            checks={
                ProofKind.TOTP: TotpCheck(store=totp_store, clock=base.clock),
                ProofKind.RECOVERY_CODE: RecoveryCodeCheck(store=factors),
                ProofKind.PASSKEY: passkeys,
            },
            ask_passkey=passkeys.request_options,
            challenges=challenges,
            attempts=attempts,
            grants=grants,
            record=base.record,
        ),
        directory=FactorDirectory(
            factors=factors,
            reauthentication=reauthentication,
            grants=grants,
            revoker=revoker,
            clock=base.clock,
        ),
        totp=TotpEnrolment(
            store=totp_store,
            enrolment=enrolment,
            reauthentication=reauthentication,
            attempts=attempts,
            issuer_name=urlsplit(base.config.issuer).hostname or base.config.issuer,
            record=base.record,
            clock=base.clock,
        ),
        passkey_login=PasskeyLogin(
            accounts=base.accounts,
            passkeys=passkeys,
            challenges=challenges,
            attempts=attempts,
            grants=grants,
            record=base.record,
        ),
        passkey_enrolment=PasskeyEnrolment(
            store=passkey_store,
            passkeys=passkeys,
            challenges=challenges,
            enrolment=enrolment,
            reauthentication=reauthentication,
            attempts=attempts,
            record=base.record,
        ),
        totp_store=totp_store,
    )
