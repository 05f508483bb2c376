"""Kafka: an idempotent producer that waits for all replicas in sync; the key is the subject.

So all events of a subject are in one partition, in order. The CloudEvent is the record's value.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from authsvc.relay.addresses import SinkAddress
from authsvc.relay.cloudevents import CONTENT_TYPE, Message
from authsvc.relay.sink import OPEN_SECONDS, Outcome, SinkUnavailable, Verdict

_FINAL = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})
_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", CONTENT_TYPE)]


class KafkaSink:
    """A `Sink`."""

    def __init__(self, address: SinkAddress) -> None:
        self._topic = address.path
        self._outcomes: list[Outcome] = []
        self._under_way = 0
        self._fatal = ""
        try:
            self._producer = Producer({**_settings(address), "error_cb": self._note})
            found = self._producer.list_topics(self._topic, timeout=OPEN_SECONDS)
        except KafkaException as error:
            raise SinkUnavailable(_words(error.args[0])) from None
        if fault := found.topics[self._topic].error:
            raise SinkUnavailable(_words(fault))

    def send(self, message: Message) -> None:
        """Hand a message over to the library, which sends it."""
        try:
            self._producer.produce(
                self._topic,
                message.body,
                message.subject.encode() or None,
                headers=_HEADERS,
                on_delivery=partial(self._conclude, message),
            )
        except KafkaException as error:
            if error.args[0].code() not in _FINAL:
                raise SinkUnavailable(_words(error.args[0])) from None
            self._outcomes.append(Outcome(message, Verdict.REFUSED, _words(error.args[0])))
        except BufferError:
            raise SinkUnavailable("the library's queue is full") from None
        else:
            self._under_way += 1

    def settle(self, seconds: float) -> Sequence[Outcome]:
        """Say what was delivered."""
        self._producer.poll(0 if self._outcomes or not self._under_way else seconds)
        if self._fatal and not self._outcomes:
            raise SinkUnavailable(self._fatal)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self) -> None:
        """Forget what is under way, and let the library end its threads."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._producer.poll(0)

    def _conclude(self, message: Message, error: KafkaError | None, _record: Any) -> None:
        self._under_way -= 1
        if error is None:
            outcome = Outcome(message, Verdict.TAKEN)
        elif error.code() in _FINAL:
            outcome = Outcome(message, Verdict.REFUSED, _words(error))
        else:
            outcome = Outcome(message, Verdict.PUT_OFF, _words(error))
        self._outcomes.append(outcome)

    def _note(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = _words(error)


def open_sink(address: SinkAddress) -> KafkaSink:
    """Connect."""
    return KafkaSink(address)


def _settings(address: SinkAddress) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "client.id": "authsvc",
        # It would write lines of its own to standard error; the relay says once what is wrong.
        "log_level": 0,
        "bootstrap.servers": ",".join(address.authorities),
        "enable.idempotence": True,
        "linger.ms": 2,
        # Longer than the relay waits: it is the one that gives up.
        "message.timeout.ms": 10_000,
        "socket.timeout.ms": 5_000,
        "reconnect.backoff.max.ms": 1_000,
        # As Java's producers choose the partition of a key.
        "partitioner": "murmur2_random",
    }
    protocol = "SSL" if address.has_tls else "PLAINTEXT"
    if address.username:
        protocol = f"SASL_{protocol}"
        settings["sasl.mechanism"] = address.options.get("sasl", "PLAIN")
        settings["sasl.username"] = address.username
        settings["sasl.password"] = address.password
    if ca := address.options.get("ca"):
        settings["ssl.ca.location"] = ca
    return {**settings, "security.protocol": protocol}


def _words(error: KafkaError) -> str:
    """Give the name of an error; its text may hold addresses."""
    return str(error.name())
