"""What proves who somebody is, put together."""

from dataclasses import dataclass

from authsvc import policies
from authsvc.config import Config
from authsvc.domain.accounts import AccountStore
from authsvc.domain.address_verification import AddressVerification
from authsvc.domain.attempts import Attempts
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink
from authsvc.domain.grants import Grants
from authsvc.domain.hash_kinds import HashKinds
from authsvc.domain.login import Login
from authsvc.domain.one_time_codes import OneTimeCodes, OneTimeCodeStore
from authsvc.domain.password_change import PasswordChange
from authsvc.domain.password_hashes import PasswordHashes
from authsvc.domain.password_policy import PasswordPolicy
from authsvc.domain.password_reset import PasswordReset
from authsvc.domain.passwords import Passwords
from authsvc.domain.registration import Registration
from authsvc.domain.revocation import Revoker
from authsvc.domain.second_factor import SecondFactor
from authsvc.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticating:
    """The parts, of which each knows only those that it needs."""

    passwords: Passwords
    password_policy: PasswordPolicy
    login: Login
    registration: Registration
    password_change: PasswordChange
    codes: OneTimeCodes
    password_reset: PasswordReset
    address_verification: AddressVerification


def put_together(
    config: Config,
    *,
    accounts: AccountStore,
    attempts: Attempts,
    second_factor: SecondFactor,
    code_store: OneTimeCodeStore,
    code_key: bytes,
    hash_kinds: HashKinds,
    grants: Grants,
    revoker: Revoker,
    metrics: Metrics,
    record: EventSink,
    clock: Clock,
) -> Authenticating:
    """Put them together."""
    hashes = PasswordHashes(
        profile=policies.argon2_profile(config), peppers=policies.peppers(config)
    )
    passwords = Passwords(
        hashes=hashes,
        foreign_kinds=hash_kinds.current,
        on_queue=metrics.set_hash_queue,
        on_shed=metrics.count_shed,
    )
    policy = policies.password_policy(config)
    login = Login(
        accounts=accounts,
        passwords=passwords,
        attempts=attempts,
        grants=grants,
        second_factor=second_factor,
        record=record,
        clock=clock,
    )
    codes = OneTimeCodes(store=code_store, key=code_key, clock=clock)
    return Authenticating(
        passwords=passwords,
        password_policy=policy,
        login=login,
        registration=Registration(
            accounts=accounts,
            passwords=passwords,
            password_policy=policy,
            attempts=attempts,
            grants=grants,
            login=login,
            is_open=config.registration == "open",
            record=record,
            clock=clock,
        ),
        password_change=PasswordChange(
            accounts=accounts,
            passwords=passwords,
            password_policy=policy,
            attempts=attempts,
            grants=grants,
            revoker=revoker,
            record=record,
            clock=clock,
        ),
        codes=codes,
        password_reset=PasswordReset(
            accounts=accounts,
            codes=codes,
            passwords=passwords,
            password_policy=policy,
            attempts=attempts,
            revoker=revoker,
            record=record,
            clock=clock,
        ),
        address_verification=AddressVerification(
            accounts=accounts, codes=codes, attempts=attempts, record=record, clock=clock
        ),
    )
