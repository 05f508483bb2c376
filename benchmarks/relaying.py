"""How fast events that have waited are relayed to brokers (P12), by a worker that serves."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from authsvc.domain.event_relay import RelayStore
from authsvc.domain.events import Event, EventChain, EventType
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.relay import SqlRelayStore
from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, at_least
from tests.servers.brokers import Broker
from tests.servers.kafka_server import kafka_server
from tests.servers.nats import nats_server
from tests.servers.rabbitmq import rabbitmq

IDS = ("P12",)

_EVENTS, _FEW_EVENTS, _BATCH = 100_000, 20_000, 500
_ACCOUNTS = 10_000
_PATIENCE = 120.0
_POLL_SECONDS = 0.02

_BROKERS: dict[str, Callable[[], AbstractContextManager[Broker]]] = {
    "NATS": nats_server,
    "RabbitMQ": rabbitmq,
    "Kafka": kafka_server,
}


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    events = _FEW_EVENTS if options.quick else _EVENTS
    with harness.directory() as data:
        _fill(data, events)
        for name, run in _BROKERS.items():
            with run() as broker:
                rate = _relay(data, name.lower(), broker.url, events)
            yield Result(
                id="P12",
                name=f"events relayed to {name}",
                value=rate,
                unit="events/s",
                yardstick=f"the clock, a backlog of {events:,} events in SQLite, one worker",
                samples=(rate,),
                must=at_least(5_000),
            )


def _fill(data: Path, count: int) -> None:
    engine = connect(f"sqlite:///{data}/authsvc.db")
    upgrade(engine)
    store = SqlEventStore(engine, EventChain(random.randbytes(32)))
    accounts = [f"acc_{random.randbytes(16).hex()}" for _ in range(_ACCOUNTS)]
    for _ in range(count // _BATCH):
        store.append(
            [_login(random.choice(accounts)) for _ in range(_BATCH)], now=datetime.now(UTC)
        )
    engine.dispose()


def _login(account_id: str) -> Event:
    return Event(
        type=EventType.LOGIN,
        actor="web",
        peer="10.1.2.3",
        subject=account_id,
        session_id=random.randbytes(16).hex(),
        correlation_id=random.randbytes(16).hex(),
    )


def _relay(data: Path, sink: str, url: str, count: int) -> float:
    """Start the service, and give the rate from the first events that are relayed to the last."""
    engine = connect(f"sqlite:///{data}/authsvc.db")
    store = SqlRelayStore(engine)
    with harness.service(data, event_sinks=f"{sink}={url}"):
        first = _await(store, sink, 1)
        started = time.perf_counter()
        _await(store, sink, count)
        seconds = time.perf_counter() - started
    engine.dispose()
    return (count - first) / seconds


def _await(store: RelayStore, sink: str, place: int) -> int:
    ends = time.monotonic() + _PATIENCE
    while (cursor := store.cursor(sink)) < place:
        if time.monotonic() > ends:
            raise TimeoutError(f"only {cursor} of {place} events were relayed")
        time.sleep(_POLL_SECONDS)
    return cursor
