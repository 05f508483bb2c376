"""Brokers that die, hang, are cut off or full: nothing is lost, subjects stay in order, it heals.

Events may come twice, under the same ids: `first_ids` and `by_subject` see what a reader sees that
drops the second.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.faults.outage import seconds_until
from tests.faults.proxy import Proxy, proxy
from tests.relay.kit import Kit, by_subject, first_ids, relaying
from tests.servers.brokers import Broker
from tests.servers.kafka_server import kafka_server
from tests.servers.nats import Nats
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis_streams import RedisStreams

pytestmark = pytest.mark.slow

_HEALS_WITHIN = 60.0
"""Seconds: some rests of the relay, and what a broker that shares two cores with all else takes to
be itself again; right after its start it may not greet in the three seconds that a sink waits."""

_DURABLE = ["redis_streams", "nats", "rabbitmq", "kafka"]


def _broker(request: pytest.FixtureRequest, name: str) -> Broker:
    broker: Broker = request.getfixturevalue(name)
    broker.empty()
    return broker


@contextmanager
def _stream_of_events(kit: Kit, outbox_url: str) -> Iterator[None]:
    """Relay, while events keep coming; few where the server is a slow one."""
    ended, pause = threading.Event(), 0.5 if "sns" in outbox_url else 0.1

    def write() -> None:
        while not ended.wait(pause):
            kit.append_many(5, subjects=5)

    writer = threading.Thread(target=write)
    with kit.outbox(outbox_url) as outbox, relaying(outbox):
        writer.start()
        try:
            yield
        finally:
            ended.set()
            writer.join()
        seconds_until(kit.is_done, at_most=_HEALS_WITHIN)


def _assert_whole(kit: Kit, bodies: Sequence[bytes]) -> None:
    assert sorted(first_ids(bodies)) == sorted(kit.ids())
    for sequences in by_subject(bodies).values():
        assert sequences == sorted(sequences)


@pytest.mark.parametrize("name", _DURABLE)
def test_a_broker_that_is_killed_and_started_again(
    name: str, request: pytest.FixtureRequest, kit: Kit
) -> None:
    broker = _broker(request, name)
    with _stream_of_events(kit, broker.url):
        for _ in range(2):
            seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
            broker.kill()
            time.sleep(0.5)
            broker.start()
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
    _assert_whole(kit, broker.received())


@pytest.mark.parametrize("name", [*_DURABLE, "sns"])
def test_a_broker_that_hangs(name: str, request: pytest.FixtureRequest, kit: Kit) -> None:
    broker = _broker(request, name)
    with _stream_of_events(kit, broker.url):
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
        broker.stand_still()
        try:
            seconds_until(_has_outages(kit), at_most=_HEALS_WITHIN)
        finally:
            broker.go_on()
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
    _assert_whole(kit, broker.received())


@pytest.mark.parametrize("name", ["redis_streams", "nats", "rabbitmq", "sns"])
def test_a_network_that_is_cut_and_swallows(
    name: str, request: pytest.FixtureRequest, kit: Kit
) -> None:
    broker = _broker(request, name)
    port = int(getattr(broker, "port"))  # noqa: B009 - all of these have one
    with proxy(port) as between:
        _disturb(kit, between, broker.url.replace(f":{port}", f":{between.port}"))
    _assert_whole(kit, broker.received())


def test_a_network_to_kafka_that_is_cut_and_swallows(kit: Kit) -> None:
    """Its clients are told where to come to: the other side of the proxy."""
    with proxy(0) as between, kafka_server(between.port) as broker:
        between.target = broker.outside
        _disturb(kit, between, f"kafka://127.0.0.1:{between.port}/events")
        _assert_whole(kit, broker.received())


def _disturb(kit: Kit, between: Proxy, url: str) -> None:
    with _stream_of_events(kit, url):
        for _ in range(3):
            seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
            between.cut_after = 100
            time.sleep(0.3)
            between.heal()
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
        between.silent = True
        seconds_until(_has_outages(kit), at_most=_HEALS_WITHIN)
        between.heal()
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)


def test_a_queue_of_rabbitmq_that_takes_some_and_rejects_others(
    rabbitmq: RabbitMq, kit: Kit
) -> None:
    """While it is read it has room again and again: the hardest case for the order."""
    rabbitmq.make_queue(**{"x-max-length": 20, "x-overflow": "reject-publish"})
    kit.append_many(400, subjects=5)
    bodies: list[bytes] = []
    with kit.outbox(rabbitmq.url) as outbox, relaying(outbox):
        ends = time.monotonic() + 60
        while not kit.is_done():
            bodies += rabbitmq.take(7)
            assert time.monotonic() < ends
        bodies += rabbitmq.take(1000)
    _assert_whole(kit, bodies)


def test_rabbitmq_without_memory(rabbitmq: RabbitMq, kit: Kit) -> None:
    """It reads nothing from who publishes; each attempt leaves a single message with it."""
    rabbitmq.empty()
    with _stream_of_events(kit, rabbitmq.url):
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
        rabbitmq.control("set_vm_memory_high_watermark", "absolute", "1024")
        try:
            seconds_until(_has_outages(kit), at_most=_HEALS_WITHIN)
        finally:
            rabbitmq.control("set_vm_memory_high_watermark", "0.6")
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
    _assert_whole(kit, rabbitmq.received())


def test_a_stream_of_nats_that_is_full(nats: Nats, kit: Kit) -> None:
    nats.make_stream(max_bytes=50_000)
    with _stream_of_events(kit, nats.url):
        seconds_until(_has_outages(kit), at_most=_HEALS_WITHIN)
        nats.change_stream(max_bytes=100_000_000)
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
    _assert_whole(kit, nats.received())


def test_a_redis_without_memory(redis_streams: RedisStreams, kit: Kit) -> None:
    redis_streams.empty()
    with redis_streams.client() as client, _stream_of_events(kit, redis_streams.url):
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
        client.config_set("maxmemory", "1mb")
        seconds_until(_has_outages(kit), at_most=_HEALS_WITHIN)
        client.config_set("maxmemory", "0")
        seconds_until(_advances(kit), at_most=_HEALS_WITHIN)
    _assert_whole(kit, redis_streams.received())


@pytest.mark.parametrize("name", ["nats", "rabbitmq", "kafka"])
def test_a_place_that_is_not_there_yet(name: str, request: pytest.FixtureRequest, kit: Kit) -> None:
    """An operator's mistake is an outage: nothing becomes a dead letter for it."""
    broker = _broker(request, name)
    kit.append_many(20, subjects=3)
    wrong = broker.url.replace("events", "elsewhere")
    with kit.outbox(wrong) as outbox, relaying(outbox):
        seconds_until(_has_outages(kit), at_most=_HEALS_WITHIN)
    assert kit.cursor() == 0
    assert kit.store.count_dead("audit") == 0

    with kit.outbox(broker.url) as outbox, relaying(outbox):
        seconds_until(kit.is_done, at_most=_HEALS_WITHIN)
    _assert_whole(kit, broker.received())


def _advances(kit: Kit) -> Callable[[], bool]:
    """Say whether more has been relayed than just now."""
    before = kit.cursor() + 20
    return lambda: kit.cursor() > before


def _has_outages(kit: Kit) -> Callable[[], bool]:
    before = kit.metric("authsvc_relay_outages_total") + 2
    return lambda: kit.metric("authsvc_relay_outages_total") >= before
