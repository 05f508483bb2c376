"""A broker of each kind, started once, and an outbox with a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relay.kit import Kit, kit
from tests.servers.brokers import Broker
from tests.servers.kafka_server import kafka_server
from tests.servers.nats import nats_server
from tests.servers.rabbitmq import rabbitmq
from tests.servers.redis_streams import RedisStreams, redis_streams, valkey_streams
from tests.servers.sns import sns_server


@pytest.fixture(scope="session", name="valkey_streams")
def _valkey_streams() -> Iterator[RedisStreams]:
    with valkey_streams() as broker:
        yield broker


@pytest.fixture(scope="session", name="redis_streams")
def _redis_streams() -> Iterator[Broker]:
    with redis_streams() as broker:
        yield broker


@pytest.fixture(scope="session", name="nats")
def _nats() -> Iterator[Broker]:
    with nats_server() as broker:
        yield broker


@pytest.fixture(scope="session", name="rabbitmq")
def _rabbitmq() -> Iterator[Broker]:
    with rabbitmq() as broker:
        yield broker


@pytest.fixture(scope="session", name="kafka")
def _kafka() -> Iterator[Broker]:
    with kafka_server() as broker:
        yield broker


@pytest.fixture(scope="session", name="sns")
def _sns() -> Iterator[Broker]:
    with pytest.MonkeyPatch.context() as patch, sns_server(patch) as broker:
        yield broker


@pytest.fixture(
    name="broker",
    params=[
        "valkey_streams",
        "nats",
        pytest.param("redis_streams", marks=pytest.mark.slow),
        pytest.param("rabbitmq", marks=pytest.mark.slow),
        pytest.param("kafka", marks=pytest.mark.slow),
        pytest.param("sns", marks=pytest.mark.slow),
    ],
)
def _broker(request: pytest.FixtureRequest) -> Broker:
    broker: Broker = request.getfixturevalue(request.param)
    broker.empty()
    return broker


@pytest.fixture(name="kit")
def _kit(tmp_path: Path, valkey_streams: RedisStreams) -> Iterator[Kit]:
    with kit(tmp_path, f"redis://127.0.0.1:{valkey_streams.port}/1") as prepared:
        yield prepared
