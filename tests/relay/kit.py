"""An outbox as a worker has it: events in SQL, its place in SQL, its lease in Redis."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from authsvc.domain.event_reading import EventReader
from authsvc.domain.events import Event, EventChain, EventType
from authsvc.duties import Duties, Duty
from authsvc.metrics import Metrics
from authsvc.relay.addresses import parse_sinks
from authsvc.relay.cloudevents import message
from authsvc.relay.delivery import Courier
from authsvc.relay.outbox import LEASE, Outbox
from authsvc.relay.replay import Replay
from authsvc.relay.sinks import open_sink
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.leases import RedisLease
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.relay import SqlRelayStore

ISSUER = "https://auth.example.com"
SINK = "audit"


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def event(subject: str = "acc_1", **fields: Any) -> Event:
    """Give an event."""
    given = {"type": EventType.LOGIN, "actor": "web", "peer": "10.0.0.1", "subject": subject}
    return Event(**{**given, **fields})


@dataclass(frozen=True, slots=True)
class Kit:
    """Events, and all that relays them."""

    engine: Engine
    events: SqlEventStore
    store: SqlRelayStore
    redis: RedisConnection
    metrics: Metrics

    def append(self, *events: Event) -> None:
        """Keep events."""
        self.events.append(events, now=now())

    def append_many(self, count: int, *, subjects: int) -> None:
        """Keep events of several subjects, in turn."""
        for first in range(0, count, 500):
            numbers = range(first, min(count, first + 500))
            self.append(*(event(f"acc_{n % subjects}", reason=str(n)) for n in numbers))

    def ids(self) -> list[str]:
        """Give the ids of all events, in order."""
        return [kept.event_id for kept in self.events.after(0, limit=1_000_000)]

    @contextmanager
    def outbox(self, url: str) -> Iterator[Outbox]:
        """Give what a worker relays with."""
        outbox = Outbox(
            SINK,
            courier=courier(url),
            lease=RedisLease(self.redis, f"relay to {SINK}", LEASE),
            reader=EventReader(self.events),
            store=self.store,
            render=partial(message, source=ISSUER),
            gauge=self.metrics,
            clock=now,
        )
        try:
            yield outbox
        finally:
            outbox.close()

    @contextmanager
    def replay(self, url: str) -> Iterator[Replay]:
        """Give what the command replays with."""
        bearer = courier(url)
        try:
            yield Replay(
                SINK,
                courier=bearer,
                reader=EventReader(self.events),
                store=self.store,
                render=partial(message, source=ISSUER),
                clock=now,
            )
        finally:
            bearer.close()

    def cursor(self) -> int:
        """Say how far the sink is."""
        return self.store.cursor(SINK)

    def head(self) -> int:
        """Give the last event's place."""
        return self.events.ends()[1].sequence

    def is_done(self) -> bool:
        """Say whether all events were relayed."""
        return self.cursor() == self.head()

    def metric(self, name: str, **labels: str) -> float:
        """Read a metric of the sink."""
        wanted = ",".join(f'{k}="{v}"' for k, v in sorted({"sink": SINK, **labels}.items()))
        text = self.metrics.render()[0].decode()
        found = [line for line in text.splitlines() if line.startswith(f"{name}{{{wanted}}}")]
        return float(found[0].split()[-1]) if found else 0.0


@contextmanager
def relaying(outbox: Outbox) -> Iterator[None]:
    """Let turns follow each other in a thread, as in a worker."""
    duties = Duties(Duty("relay", outbox.step, every=0.05))
    duties.start()
    try:
        yield
    finally:
        outbox.stop()
        duties.stop()


def courier(url: str) -> Courier:
    """Give what carries events to a sink."""
    [address] = parse_sinks(f"{SINK}={url}")
    return Courier(partial(open_sink, address))


@contextmanager
def kit(directory: Path, redis_url: str) -> Iterator[Kit]:
    """Prepare it, on a database of its own."""
    engine = connect(f"sqlite:///{directory}/relay.db")
    upgrade(engine)
    redis = RedisConnection(redis_url)
    redis.command("DEL", f"l{{relay to {SINK}}}")
    try:
        yield Kit(
            engine=engine,
            events=SqlEventStore(engine, EventChain(bytes(32))),
            store=SqlRelayStore(engine),
            redis=redis,
            metrics=Metrics([]),
        )
    finally:
        redis.close()
        engine.dispose()


def first_ids(bodies: Sequence[bytes]) -> list[str]:
    """Give the ids in the order in which each came first: what a deduplicating reader sees."""
    return list(dict.fromkeys(json.loads(body)["id"] for body in bodies))


def by_subject(bodies: Sequence[bytes]) -> dict[str, list[int]]:
    """Give the sequences that a deduplicating reader sees of each subject."""
    seen: set[str] = set()
    found: dict[str, list[int]] = {}
    for body in bodies:
        one = json.loads(body)
        if one["id"] not in seen:
            seen.add(one["id"])
            found.setdefault(one.get("subject", ""), []).append(int(one["sequence"]))
    return found


def step_until(outbox: Outbox, holds: Callable[[], bool], *, at_most: float) -> None:
    """Let turns follow each other as a duty does, until something is true."""
    ends = time.monotonic() + at_most
    while not holds():
        assert time.monotonic() < ends, f"not within {at_most} s"
        outbox.step()
        time.sleep(0.02)
