"""What proves who somebody is, put together."""

import time
from dataclasses import dataclass

from authsvc import policies
from authsvc.domain.address_verification import AddressVerification
from authsvc.domain.attempts import Attempts
from authsvc.domain.grants import Grants
from authsvc.domain.hash_kinds import HashKinds
from authsvc.domain.hashing_queue import HashingQueue
from authsvc.domain.login import Login
from authsvc.domain.one_time_codes import OneTimeCodes
from authsvc.domain.password_change import PasswordChange
from authsvc.domain.password_hashes import PasswordHashes
from authsvc.domain.password_policy import PasswordPolicy
from authsvc.domain.password_reset import PasswordReset
from authsvc.domain.passwords import Passwords
from authsvc.domain.registration import Registration
from authsvc.domain.revocation import Revoker
from authsvc.domain.second_factor import SecondFactor
from authsvc.foundation import Foundation
from authsvc.stores.sql.hash_kinds import SqlHashKindStore
from authsvc.stores.sql.one_time_codes import SqlOneTimeCodeStore
from authsvc.system_clock import since_boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticating:
    """The parts, of which each knows only those that it needs."""

    passwords: Passwords
    hash_kinds: HashKinds
    kind_store: SqlHashKindStore
    password_policy: PasswordPolicy
    login: Login
    registration: Registration
    password_change: PasswordChange
    codes: OneTimeCodes
    password_reset: PasswordReset
    address_verification: AddressVerification


def put_together(
    base: Foundation,
    *,
    attempts: Attempts,
    second_factor: SecondFactor,
    grants: Grants,
    revoker: Revoker,
) -> Authenticating:
    """Put them together."""
    kind_store = SqlHashKindStore(base.engine, base.clock)
    hash_kinds = HashKinds(store=kind_store, steady=since_boot, pause=time.sleep)
    hashes = PasswordHashes(
        profile=policies.argon2_profile(base.config), peppers=policies.peppers(base.config)
    )
    queue = HashingQueue(on_length=base.metrics.set_hash_queue, on_shed=base.metrics.count_shed)
    passwords = Passwords(
        hashes=hashes, queue=queue, foreign_kinds=hash_kinds.current, span=base.span
    )
    policy = policies.password_policy(base.config)
    login = Login(
        accounts=base.accounts,
        passwords=passwords,
        attempts=attempts,
        grants=grants,
        second_factor=second_factor,
        record=base.record,
        clock=base.clock,
    )
    codes = OneTimeCodes(
        store=SqlOneTimeCodeStore(base.engine, base.outbox),
        key=base.secret("code key"),
        clock=base.clock,
    )
    return Authenticating(
        hash_kinds=hash_kinds,
        kind_store=kind_store,
        passwords=passwords,
        password_policy=policy,
        login=login,
        registration=Registration(
            accounts=base.accounts,
            passwords=passwords,
            password_policy=policy,
            attempts=attempts,
            grants=grants,
            login=login,
            is_open=base.config.registration == "open",
            clock=base.clock,
        ),
        password_change=PasswordChange(
            accounts=base.accounts,
            passwords=passwords,
            password_policy=policy,
            attempts=attempts,
            grants=grants,
            revoker=revoker,
            record=base.record,
            clock=base.clock,
        ),
        codes=codes,
        password_reset=PasswordReset(
            accounts=base.accounts,
            codes=codes,
            passwords=passwords,
            password_policy=policy,
            attempts=attempts,
            revoker=revoker,
            record=base.record,
            clock=base.clock,
        ),
        address_verification=AddressVerification(
            accounts=base.accounts,
            codes=codes,
            attempts=attempts,
            record=base.record,
            clock=base.clock,
        ),
    )
