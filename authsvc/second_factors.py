"""What second factors are made of, put together."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Engine

from authsvc import policies
from authsvc.config import Config
from authsvc.domain.accounts import AccountStore
from authsvc.domain.attempts import Attempts
from authsvc.domain.challenges import Challenges
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink
from authsvc.domain.factor_directory import FactorDirectory
from authsvc.domain.factor_enrolment import FactorEnrolment
from authsvc.domain.grants import Grants
from authsvc.domain.passkey_check import PasskeyCheck
from authsvc.domain.passkey_enrolment import PasskeyEnrolment
from authsvc.domain.passkey_login import PasskeyLogin
from authsvc.domain.reauthentication import Reauthentication
from authsvc.domain.revocation import Revoker
from authsvc.domain.second_factor import ProofKind, RecoveryCodeCheck, SecondFactor, TotpCheck
from authsvc.domain.totp import TotpStore
from authsvc.domain.totp_enrolment import TotpEnrolment
from authsvc.stores.redis.challenges import RedisChallengeStore
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.sql.factors import SqlFactorStore
from authsvc.stores.sql.passkeys import SqlPasskeyStore
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.totp import SqlTotpStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactors:
    """The parts, of which each knows only those that it needs."""

    second_factor: SecondFactor
    directory: FactorDirectory
    totp: TotpEnrolment
    passkey_login: PasskeyLogin
    passkey_enrolment: PasskeyEnrolment
    totp_store: TotpStore


def put_together(
    config: Config,
    *,
    engine: Engine,
    sealer: Sealer,
    redis: RedisConnection,
    accounts: AccountStore,
    attempts: Attempts,
    grants: Grants,
    revoker: Revoker,
    record: EventSink,
    clock: Clock,
) -> SecondFactors:
    """Put them together."""
    factors = SqlFactorStore(engine)
    totp_store = SqlTotpStore(engine, sealer)
    passkey_store = SqlPasskeyStore(engine)
    passkeys = PasskeyCheck(
        party=policies.relying_party(config), store=passkey_store, record=record, clock=clock
    )
    challenges = Challenges(store=RedisChallengeStore(redis), clock=clock)
    reauthentication = Reauthentication(accounts=accounts, clock=clock)
    enrolment = FactorEnrolment(
        factors=factors, grants=grants, revoker=revoker, record=record, clock=clock
    )
    return SecondFactors(
        second_factor=SecondFactor(
            accounts=accounts,
            factors=factors,
            checks={
                ProofKind.TOTP: TotpCheck(store=totp_store, clock=clock),
                ProofKind.RECOVERY_CODE: RecoveryCodeCheck(store=factors),
                ProofKind.PASSKEY: passkeys,
            },
            ask_passkey=passkeys.request_options,
            challenges=challenges,
            attempts=attempts,
            grants=grants,
            record=record,
        ),
        directory=FactorDirectory(
            factors=factors,
            reauthentication=reauthentication,
            grants=grants,
            revoker=revoker,
            record=record,
            clock=clock,
        ),
        totp=TotpEnrolment(
            store=totp_store,
            enrolment=enrolment,
            reauthentication=reauthentication,
            attempts=attempts,
            issuer_name=urlsplit(config.issuer).hostname or config.issuer,
            record=record,
            clock=clock,
        ),
        passkey_login=PasskeyLogin(
            accounts=accounts,
            passkeys=passkeys,
            challenges=challenges,
            attempts=attempts,
            grants=grants,
            record=record,
        ),
        passkey_enrolment=PasskeyEnrolment(
            store=passkey_store,
            passkeys=passkeys,
            challenges=challenges,
            enrolment=enrolment,
            reauthentication=reauthentication,
            attempts=attempts,
            record=record,
        ),
        totp_store=totp_store,
    )
