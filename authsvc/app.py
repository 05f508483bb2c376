"""The composition root: the one place that knows all rooms."""

import time
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

from authsvc import attempting, authenticating, policies, revoking, second_factors
from authsvc.config import Config, ConfigurationError
from authsvc.configuration_values import decode_master_key
from authsvc.domain.account_directory import AccountDirectory
from authsvc.domain.account_export import AccountExport
from authsvc.domain.account_import import AccountImport
from authsvc.domain.callers import ApiKeyAuthenticator
from authsvc.domain.clock import Clock
from authsvc.domain.fence import FenceKeeper
from authsvc.domain.grants import Grants
from authsvc.domain.hash_kinds import HashKinds
from authsvc.domain.key_administration import KeyAdministration
from authsvc.domain.keys import Keys
from authsvc.domain.refresh_tokens import RefreshTokenCodec
from authsvc.domain.revocation import CLOCK_BOUND
from authsvc.domain.session_directory import SessionDirectory
from authsvc.domain.token_checking import TokenChecker
from authsvc.domain.tokens import TokenIssuer
from authsvc.domain.verification import Verification
from authsvc.duties import NEEDS, Duties, Duty, HealthCheck
from authsvc.event_log import record_event
from authsvc.metrics import Metrics
from authsvc.running import App
from authsvc.store_faults import SCHEMA_FAULT, breach_list_faults, pepper_faults
from authsvc.stores.redis.configuration import verify_configuration
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.fence import RedisFence
from authsvc.stores.redis.leases import RedisLease
from authsvc.stores.redis.marks import RedisRevocationMarks
from authsvc.stores.redis.sessions import RedisSessionStore
from authsvc.stores.sql.account_import import SqlAccountImportStore
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.factors import SqlFactorStore
from authsvc.stores.sql.hash_kinds import SqlHashKindStore
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.keys import SqlKeyStore
from authsvc.stores.sql.migrate import is_current
from authsvc.stores.sql.one_time_codes import SqlOneTimeCodeStore
from authsvc.stores.sql.peppers import SqlPeppers
from authsvc.stores.sql.sealing import Sealer, WrongMasterKey
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.stores.sql.settings import SqlSettings
from authsvc.stores.sql.transactions import ping as ping_sql
from authsvc.system_clock import since_boot, steady_clock
from authsvc.transport.access import access_rules
from authsvc.transport.account_service import AccountService
from authsvc.transport.auth_service import AuthService
from authsvc.transport.callers import Callers
from authsvc.transport.factor_service import FactorService
from authsvc.transport.http import HttpApplication
from authsvc.transport.interceptors import CallInterceptor
from authsvc.transport.key_service import KeyService
from authsvc.transport.server import CONCURRENCY, SERVICES, Servicers, build_server
from authsvc.transport.session_service import SessionService
from authsvc.transport.token_service import TokenService
from authsvc.verify.cache import TokenCache
from authsvc.verify.verifier import TokenVerifier
from authsvc.watching import watch

_LEASE = timedelta(seconds=60)
_CACHED_TOKENS = 20_000
"""About 50 MB of a worker's memory when full."""
_SECRET_BYTES = 32


def build(config: Config, *, clock: Clock | None = None) -> App:
    """Put a worker's service together. It answers nothing before `start`.

    Raises:
        StoreUnavailable: SQL does not answer.
        ConfigurationError: The schema is not up to date, the secrets in SQL were sealed under
            another master key, a pepper is not the one of stored hashes, or the list of
            breached passwords can't be read.

    """
    now = clock or steady_clock()
    metrics = Metrics(name for service in SERVICES for name in service.methods_by_name)
    record = partial(record_event, metrics)
    engine = connect(config.sql_url())
    if not is_current(engine):
        raise ConfigurationError(SCHEMA_FAULT)
    _check_password_settings(config, SqlPeppers(engine))
    sealer = Sealer(decode_master_key(policies.required(config.master_key)))
    settings = SqlSettings(engine, sealer)
    accounts = SqlAccountStore(engine)
    journal = SqlRevocationJournal(engine)
    keys = Keys(store=SqlKeyStore(engine, sealer), policy=policies.key_policy(config), clock=now)

    redis = RedisConnection(policies.required(config.redis_url))
    stores = ExitStack()
    stores.callback(engine.dispose)
    stores.callback(redis.close)
    marks = RedisRevocationMarks(redis)
    sessions = RedisSessionStore(
        redis,
        grace=config.refresh_grace,
        mark_lifetime=config.access_token_lifetime + config.clock_leeway + CLOCK_BOUND,
    )
    fence = FenceKeeper(
        source=settings,
        journal=journal,
        marks=marks,
        fenced=RedisFence(redis),
        reload_keys=keys.reload,
        clock=now,
    )
    redis.on_distrust = fence.restore

    ending = revoking.put_together(
        config, redis=redis, journal=journal, marks=marks, keys=keys, fence=fence, clock=now
    )
    revoker, replica = ending.revoker, ending.replica
    trying = attempting.put_together(
        config,
        engine=engine,
        redis=redis,
        pseudonym_key=_own_secret(settings, "pseudonym key"),
        metrics=metrics,
        record=record,
        clock=now,
    )
    grants = Grants(
        sessions=sessions,
        codec=RefreshTokenCodec(_own_secret(settings, "refresh key")),
        issuer=TokenIssuer(
            issuer=config.issuer,
            lifetime=config.access_token_lifetime,
            signing_key=keys.signing_key,
        ),
        revoker=revoker,
        devices=trying.devices,
        policy=policies.grant_policy(config),
        record=record,
        clock=now,
    )
    factors = second_factors.put_together(
        config,
        engine=engine,
        sealer=sealer,
        redis=redis,
        accounts=accounts,
        attempts=trying.attempts,
        grants=grants,
        revoker=revoker,
        record=record,
        clock=now,
    )
    kind_store = SqlHashKindStore(engine, now)
    hash_kinds = HashKinds(store=kind_store, steady=since_boot, pause=time.sleep)
    proving = authenticating.put_together(
        config,
        accounts=accounts,
        attempts=trying.attempts,
        second_factor=factors.second_factor,
        code_store=SqlOneTimeCodeStore(engine),
        code_key=_own_secret(settings, "code key"),
        hash_kinds=hash_kinds,
        grants=grants,
        revoker=revoker,
        metrics=metrics,
        record=record,
        clock=now,
    )
    verifier = TokenVerifier(
        issuer=config.issuer,
        max_lifetime=int(config.access_token_lifetime.total_seconds()),
        leeway=int(config.clock_leeway.total_seconds()),
    )
    checker = TokenChecker(
        verifier=verifier,
        tokens=TokenCache(verifier, capacity=_CACHED_TOKENS),
        keys=keys,
        replica=replica,
        marks=marks,
        wait_until_everywhere=ending.acknowledgement.wait,
        head=journal.head,
        default_audience=config.default_audience,
        clock=now,
    )
    verification = Verification(
        checker=checker, keys=keys, revoker=revoker, grants=grants, record=record
    )
    watching = watch(replica=replica, journal=journal, keys=keys, metrics=metrics, clock=now)
    health = watching.health
    directory = AccountDirectory(accounts=accounts, revoker=revoker, record=record, clock=now)
    page_key = _own_secret(settings, "page key")
    servicers = Servicers(
        auth=AuthService(
            login=proving.login,
            registration=proving.registration,
            grants=grants,
            second_factor=factors.second_factor,
            passkey_login=factors.passkey_login,
            verification=verification,
            password_reset=proving.password_reset,
            address_verification=proving.address_verification,
        ),
        token=TokenService(
            checker=checker,
            verification=verification,
            keys=keys,
            revocation_watch=watching.revocations,
            key_watch=watching.keys,
        ),
        session=SessionService(
            directory=SessionDirectory(
                sessions=sessions, accounts=accounts, revoker=revoker, record=record, clock=now
            ),
            page_key=page_key,
        ),
        account=AccountService(
            directory=directory,
            account_import=AccountImport(
                store=SqlAccountImportStore(engine),
                passwords=proving.passwords,
                kinds=hash_kinds,
                key=_own_secret(settings, "import key"),
                record=record,
                clock=now,
            ),
            account_export=AccountExport(
                directory=directory,
                sessions=sessions,
                factors=SqlFactorStore(engine),
                record=record,
                clock=now,
            ),
            registration=proving.registration,
            password_change=proving.password_change,
            password_policy=proving.password_policy,
            page_key=page_key,
        ),
        factor=FactorService(
            directory=factors.directory, totp=factors.totp, passkeys=factors.passkey_enrolment
        ),
        key=KeyService(KeyAdministration(keys=keys, fence=fence, revoker=revoker, record=record)),
        health=health,
    )
    callers = Callers(
        api_keys=ApiKeyAuthenticator(store=SqlServiceAccountStore(engine), clock=now),
        verify=lambda token: checker.verify(token).claims,
        trust_loopback=config.mode == "dev",
        require_caller=config.require_caller,
    )
    interceptor = CallInterceptor(
        rules=access_rules(SERVICES),
        callers=callers,
        metrics=metrics,
        streams=watching.streams,
        deadline=config.server_deadline,
        max_metadata_bytes=config.max_metadata_bytes,
        concurrency=CONCURRENCY,
    )
    health_check = HealthCheck(needs=NEEDS, update=health.update)
    lease = RedisLease(redis, "housekeeping", _LEASE)

    def keep_house() -> None:
        if lease.acquire():
            keys.rotate_if_due()
            keys.forget_expired()
            journal.purge(now())
            trying.forget_old()
            factors.totp_store.purge(now())
            proving.codes.purge()
            kind_store.purge()

    return App(
        config=config,
        server=build_server(
            servicers,
            interceptor,
            policies.limits(config),
            with_reflection=config.reflection,
            transport=config.transport,
        ),
        health=health,
        http=HttpApplication(
            published_keys=keys.published,
            issuer=config.issuer,
            is_ready=health.is_serving,
            metrics=metrics.render,
        ),
        keys=keys,
        fence=fence,
        watching=watching,
        passwords=proving.passwords,
        stores=stores,
        revoking=ending,
        duties=Duties(
            Duty(
                "health of sql",
                partial(health_check.probe, "sql", partial(ping_sql, engine)),
                every=1,
            ),
            Duty("health of redis", partial(health_check.probe, "redis", redis.ping), every=1),
            Duty(
                "health of revocations",
                partial(health_check.probe, "revocations", ending.is_answering),
                every=1,
            ),
            *ending.duties(),
            Duty("keys", keys.reload, every=5),
            *watching.duties(),
            Duty("housekeeping", keep_house, every=30),
        ),
        check_redis=partial(
            verify_configuration, redis, require_persistence=config.mode == "production"
        ),
    )


def _check_password_settings(config: Config, store: SqlPeppers) -> None:
    peppers = policies.peppers(config)
    store.remember(peppers.keys)
    if faults := [*breach_list_faults(config), *pepper_faults(store, peppers)]:
        raise ConfigurationError(*faults)


def _own_secret(settings: SqlSettings, name: str) -> bytes:
    try:
        return settings.secret(name, _SECRET_BYTES)
    except WrongMasterKey:
        message = "AUTHSVC_MASTER_KEY is not the key under which the secrets in SQL were sealed."
        raise ConfigurationError(message) from None
