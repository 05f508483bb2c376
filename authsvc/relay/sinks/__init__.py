"""The adapters, one for each kind of broker."""

import importlib
from collections.abc import Mapping

from authsvc.relay.addresses import (
    KAFKA,
    NATS,
    RABBITMQ,
    REDIS,
    REDIS_SOCKET,
    SNS,
    Kind,
    SinkAddress,
)
from authsvc.relay.sink import Sink

_ADAPTERS: Mapping[Kind, str] = {
    REDIS: "redis_streams",
    REDIS_SOCKET: "redis_streams",
    RABBITMQ: "rabbitmq",
    KAFKA: "kafka",
    NATS: "nats",
    SNS: "sns",
}


def open_sink(address: SinkAddress) -> Sink:
    """Connect to a broker. Only now its client is imported, which is an extra.

    Raises:
        SinkUnavailable: It does not answer, or refuses.

    """
    adapter = importlib.import_module(f"{__name__}.{_ADAPTERS[address.kind]}")
    sink: Sink = adapter.open_sink(address)
    return sink
