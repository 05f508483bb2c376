"""The service relays what happens in it, and a broker that is away costs calls nothing."""

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.outage import seconds_until
from tests.faults.proxy import proxy
from tests.relay.kit import first_ids
from tests.servers.nats import nats_server
from tests.servers.redis_streams import RedisStreams
from tests.service import Service, running


@pytest.fixture(name="broker")
def _broker(valkey_streams: RedisStreams) -> RedisStreams:
    valkey_streams.empty()
    return valkey_streams


def _redis_url(broker: RedisStreams) -> str:
    """Its third database: the service's own."""
    return f"redis://127.0.0.1:{broker.port}/2"


def _types(broker: RedisStreams) -> list[str]:
    return [json.loads(body)["type"] for body in broker.received()]


def test_what_happens_is_relayed_within_a_second(broker: RedisStreams, tmp_path: Path) -> None:
    with running(
        data=tmp_path, redis_url=_redis_url(broker), event_sinks=f"audit={broker.url}"
    ) as service:
        account = service.register().account
        seconds_until(lambda: "authsvc.login" in _types(broker), at_most=5)

        relayed = [json.loads(body) for body in broker.received()]
        mine = [one for one in relayed if one.get("subject") == account.account_id]
        assert [one["type"] for one in mine] == ["authsvc.account.created", "authsvc.login"]
        assert {one["source"] for one in relayed} == {"https://authsvc.localhost"}


def test_an_event_that_a_sink_has_not_got_outlives_its_retention(
    broker: RedisStreams, tmp_path: Path
) -> None:
    nowhere = "redis://127.0.0.1:1/0?stream=events"
    with running(
        data=tmp_path, redis_url=_redis_url(broker), event_sinks=f"a={broker.url} b={nowhere}"
    ) as service:
        service.register()
        relaying, later = service.app.relaying, service.clock() + timedelta(days=400)
        relaying.forget_events(older_than=later)
        assert len(relaying.events.after(0, limit=9)) >= 2

    with running(
        data=tmp_path, redis_url=_redis_url(broker), event_sinks=f"a={broker.url}"
    ) as service:
        head = service.app.relaying.events.ends()[1].sequence
        seconds_until(lambda: service.app.relaying.store.cursor("a") >= head, at_most=10)
        service.app.relaying.forget_events(older_than=later)
        assert service.app.relaying.events.after(0, limit=9) == []


@pytest.mark.slow
def test_p_flt_1_a_broker_that_hangs_costs_logins_nothing_and_gets_all_later(
    broker: RedisStreams, tmp_path: Path
) -> None:
    with (
        nats_server() as nats,
        proxy(nats.port) as between,
        running(
            data=tmp_path,
            redis_url=_redis_url(broker),
            event_sinks=f"audit=nats://127.0.0.1:{between.port}/events.authsvc",
        ) as service,
    ):
        name = service.register().account.username
        seconds_until(lambda: len(nats.received()) >= 2, at_most=10)
        before = _login_seconds(service, name)

        between.silent = True
        during = _login_seconds(service, name)
        between.heal()
        nats.kill()
        while_dead = _login_seconds(service, name)
        nats.start()

        events = service.app.relaying.events
        ids = [kept.event_id for kept in events.after(0, limit=10_000)]
        seconds_until(lambda: len(first_ids(nats.received())) >= len(ids), at_most=30)
        assert first_ids(nats.received()) == ids
    # Loose bounds: other tests run beside this one.
    assert max(during, while_dead) < 3 * before + 0.05


def _login_seconds(service: Service, name: str) -> float:
    """Log in for three seconds, and give the median time that it took."""
    ends, times = time.monotonic() + 3, []
    while time.monotonic() < ends:
        started = time.monotonic()
        service.login(name)
        times.append(time.monotonic() - started)
    return sorted(times)[len(times) // 2]
