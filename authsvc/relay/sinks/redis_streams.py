"""Redis Streams: what is sent is written in one transaction, so that all of it is there or nothing.

An entry has two fields: `id`, the event's id, and `event`, the CloudEvent.
"""

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from authsvc.relay.addresses import REDIS_SOCKET, SinkAddress
from authsvc.relay.cloudevents import Message
from authsvc.relay.sink import OPEN_SECONDS, Outcome, SinkUnavailable, Verdict

_ANSWER_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
"""The least `proto-max-bulk-len` that a server can have; it hangs up on who sends more."""


class RedisStreamsSink:
    """A `Sink`."""

    def __init__(self, address: SinkAddress) -> None:
        self._stream = address.options["stream"]
        length = address.options.get("max_length")
        self._max_length = int(length) if length else None
        self._waiting: list[Message] = []
        self._refused: list[Outcome] = []
        self._redis = _connect(address)
        try:
            self._redis.ping()
        except (RedisError, OSError) as error:
            self.close()
            raise SinkUnavailable(type(error).__name__) from None

    def send(self, message: Message) -> None:
        """Put a message with the others."""
        if len(message.body) > _MOST_BYTES:
            self._refused.append(Outcome(message, Verdict.REFUSED, "longer than 1 MiB"))
        else:
            self._waiting.append(message)

    def settle(self, seconds: float) -> Sequence[Outcome]:  # noqa: ARG002 - the socket has its own
        """Write what waits."""
        messages, self._waiting = self._waiting, []
        if messages:
            self._write(messages)
        refused, self._refused = self._refused, []
        return [*refused, *(Outcome(message, Verdict.TAKEN) for message in messages)]

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _write(self, messages: Sequence[Message]) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        for message in messages:
            pipeline.xadd(
                self._stream,
                {"id": message.event_id, "event": message.body},
                maxlen=self._max_length,
            )
        try:
            pipeline.execute()
        except (RedisError, OSError) as error:
            raise SinkUnavailable(type(error).__name__) from None


def open_sink(address: SinkAddress) -> RedisStreamsSink:
    """Connect."""
    return RedisStreamsSink(address)


def _connect(address: SinkAddress) -> Redis:
    options: dict[str, Any] = {
        "username": address.username or None,
        "password": address.password or None,
        "socket_connect_timeout": OPEN_SECONDS,
        "socket_timeout": _ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
    if address.kind is REDIS_SOCKET:
        return Redis(unix_socket_path=address.path, **options)
    [(host, port)] = address.hosts
    if address.has_tls:
        options |= {
            "ssl": True,
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": address.options.get("ca"),
        }
    return Redis(host=host, port=port, db=int(address.path or 0), **options)
