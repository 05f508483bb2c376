"""What proves who somebody is, put together."""

from dataclasses import dataclass

from authsvc import policies
from authsvc.config import Config
from authsvc.domain.accounts import AccountStore
from authsvc.domain.attempts import AttemptLimits, Attempts
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink
from authsvc.domain.grants import Grants
from authsvc.domain.hash_kinds import HashKinds
from authsvc.domain.login import Login
from authsvc.domain.password_change import PasswordChange
from authsvc.domain.passwords import PasswordPolicy, Passwords
from authsvc.domain.registration import Registration
from authsvc.domain.revocation import Revoker
from authsvc.metrics import Metrics
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.throttles import RedisThrottle


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticating:
    """The parts, of which each knows only those that it needs."""

    passwords: Passwords
    password_policy: PasswordPolicy
    login: Login
    registration: Registration
    password_change: PasswordChange


def put_together(
    config: Config,
    *,
    accounts: AccountStore,
    hash_kinds: HashKinds,
    redis: RedisConnection,
    grants: Grants,
    revoker: Revoker,
    metrics: Metrics,
    record: EventSink,
    clock: Clock,
) -> Authenticating:
    """Put them together."""
    passwords = Passwords(
        profile=policies.argon2_profile(config),
        foreign_kinds=hash_kinds.current,
        on_queue=metrics.set_hash_queue,
    )
    policy = PasswordPolicy(min_length=config.password_min_length)
    attempts = Attempts(throttle=RedisThrottle(redis), limits=AttemptLimits(), clock=clock)
    login = Login(
        accounts=accounts,
        passwords=passwords,
        attempts=attempts,
        grants=grants,
        record=record,
        clock=clock,
    )
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
    )
