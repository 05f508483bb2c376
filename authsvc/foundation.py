"""What all parts stand on: stores, keys, the fence between them, and where events go."""

from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import Engine

from authsvc import policies, recording
from authsvc.config import Config, ConfigurationError
from authsvc.configuration_values import decode_master_key
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink
from authsvc.domain.fence import FenceKeeper
from authsvc.domain.keys import Keys
from authsvc.domain.revocation import CLOCK_BOUND
from authsvc.domain.tracing import Span, untraced
from authsvc.metrics import Metrics
from authsvc.own_secrets import own_secret
from authsvc.recording import Recording
from authsvc.store_faults import breach_list_faults, pepper_faults, schema_faults
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.fence import RedisFence
from authsvc.stores.redis.marks import RedisRevocationMarks
from authsvc.stores.redis.sessions import RedisSessionStore
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.keys import SqlKeyStore
from authsvc.stores.sql.outbox import Outbox
from authsvc.stores.sql.peppers import SqlPeppers
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.settings import SqlSettings
from authsvc.stores.sql.transactions import measure
from authsvc.transport.server import access_to_methods
from authsvc.transport.trace_context import Tracing, Untraced


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The parts, of which each knows only those that it needs."""

    config: Config
    clock: Clock
    metrics: Metrics
    tracing: Tracing
    span: Span
    record: EventSink
    recorded: Recording
    engine: Engine
    outbox: Outbox
    sealer: Sealer
    settings: SqlSettings
    accounts: SqlAccountStore
    journal: SqlRevocationJournal
    redis: RedisConnection
    marks: RedisRevocationMarks
    sessions: RedisSessionStore
    keys: Keys
    fence: FenceKeeper
    stores: ExitStack
    """Closes all stores, and what looks on while they are used."""

    def secret(self, name: str) -> bytes:
        """Give a secret of the service's own: 32 bytes, the same to every worker.

        Raises:
            ConfigurationError: It was sealed under another master key.

        """
        return own_secret(self.settings, name)


def lay(config: Config, clock: Clock) -> Foundation:
    """Lay it.

    Raises:
        StoreUnavailable: SQL does not answer.
        ConfigurationError: The schema does not serve this program, the secrets in SQL were sealed
            under another master key, a pepper is not the one of stored hashes, or the list of
            breached passwords can't be read.

    """
    metrics = Metrics(path.rpartition("/")[2] for path in access_to_methods())
    engine = connect(config.sql_url())
    if faults := list(schema_faults(engine)):
        raise ConfigurationError(*faults)
    _check_password_settings(config, SqlPeppers(engine))
    sealer = Sealer(decode_master_key(policies.required(config.master_key)))
    settings = SqlSettings(engine, sealer)
    recorded = recording.put_together(engine, settings, metrics=metrics, clock=clock)
    outbox = recorded.outbox
    journal = SqlRevocationJournal(engine, outbox)
    key_store = SqlKeyStore(engine, outbox, sealer)
    keys = Keys(store=key_store, policy=policies.key_policy(config), clock=clock)
    stores = ExitStack()
    tracing, span = _tracing(config, stores)
    measure(engine, span)
    redis = RedisConnection(policies.required(config.redis_url), span=span)
    stores.callback(engine.dispose)
    stores.callback(redis.close)
    marks = RedisRevocationMarks(redis)
    fence = FenceKeeper(
        source=settings,
        journal=journal,
        marks=marks,
        fenced=RedisFence(redis),
        reload_keys=keys.reload,
        clock=clock,
    )
    redis.on_distrust = fence.restore
    return Foundation(
        config=config,
        clock=clock,
        metrics=metrics,
        tracing=tracing,
        span=span,
        record=recorded.record,
        recorded=recorded,
        engine=engine,
        outbox=outbox,
        sealer=sealer,
        settings=settings,
        accounts=SqlAccountStore(engine, outbox),
        journal=journal,
        redis=redis,
        marks=marks,
        sessions=RedisSessionStore(
            redis,
            grace=config.refresh_grace,
            mark_lifetime=config.access_token_lifetime + config.clock_leeway + CLOCK_BOUND,
        ),
        keys=keys,
        fence=fence,
        stores=stores,
    )


def _tracing(config: Config, cleanup: ExitStack) -> tuple[Tracing, Span]:
    if config.traces_endpoint is None:
        return Untraced(), untraced
    # Only here: an extra, and slow to import.
    from authsvc.tracing import OpenTelemetryTracing  # noqa: PLC0415

    tracing = OpenTelemetryTracing(config.traces_endpoint)
    cleanup.callback(tracing.close)
    return tracing, tracing.span


def _check_password_settings(config: Config, store: SqlPeppers) -> None:
    peppers = policies.peppers(config)
    store.remember(peppers.keys)
    if faults := [*breach_list_faults(config), *pepper_faults(store, peppers)]:
        raise ConfigurationError(*faults)
