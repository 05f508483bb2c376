"""RabbitMQ: persistent messages with publisher confirms, to an exchange or to a queue.

A message's `message_id` is the event's id, its routing key the event's type, or the queue.
The client's loop runs only while the relay listens, in the relay's own thread. It buffers what the
broker does not read: no more than the relay has under way.
"""

import logging
from collections.abc import Sequence
from typing import Any

from pika import (
    BasicProperties,
    ConnectionParameters,
    PlainCredentials,
    SelectConnection,
    SSLOptions,
)
from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorPhaseErrorBase,
)
from pika.channel import Channel
from pika.exceptions import ChannelClosedByBroker, ConnectionClosed, StreamLostError
from pika.spec import PERSISTENT_DELIVERY_MODE, Basic

from authsvc.relay.addresses import SinkAddress
from authsvc.relay.cloudevents import CONTENT_TYPE, Message
from authsvc.relay.sink import OPEN_SECONDS, OneRefused, Outcome, SinkUnavailable, Verdict
from authsvc.relay.tls import tls_context

_HEARTBEAT_SECONDS = 10
_CLOSE_SECONDS = 0.5
_TOO_LARGE = "message size"
"""What the broker says of one beyond its `max_message_size`, before it closes the channel."""

# It logs each failure with its traceback; the relay says once what is wrong.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class RabbitMqSink:
    """A `Sink`."""

    def __init__(self, address: SinkAddress) -> None:
        self._exchange = address.options.get("exchange", "")
        self._queue = address.options.get("queue", "")
        self._fault: SinkUnavailable | OneRefused | None = None
        self._channel: Channel | None = None
        self._is_ready = False
        self._under_way: dict[int, Message] = {}
        """By delivery tag, in order."""
        self._returned: set[str | None] = set()
        self._outcomes: list[Outcome] = []
        self._loop = IOLoop()
        self._connection = _Connection(
            _parameters(address),
            on_open_callback=self._open_channel,
            on_open_error_callback=self._fail,
            on_close_callback=self._fail,
            custom_ioloop=self._loop,
        )
        self._run(OPEN_SECONDS)
        if not self._is_ready:
            self.close()
            raise self._fault or SinkUnavailable("no answer")

    def send(self, message: Message) -> None:
        """Publish a message; it leaves when the loop runs."""
        if self._fault is not None or self._channel is None:
            raise self._fault or SinkUnavailable("no channel")
        properties = BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=PERSISTENT_DELIVERY_MODE,
            message_id=message.event_id,
        )
        key = self._queue or message.type
        self._connection.gather()
        self._channel.basic_publish(self._exchange, key, message.body, properties, mandatory=True)
        self._tag += 1
        self._under_way[self._tag] = message

    def settle(self, seconds: float) -> Sequence[Outcome]:
        """Say what the broker has confirmed."""
        if not self._outcomes and self._fault is None:
            self._connection.flush()
            self._run(seconds if self._under_way else 0)
        outcomes, self._outcomes = self._outcomes, []
        if self._fault is not None and not outcomes:
            raise self._fault
        return outcomes

    def close(self) -> None:
        """Close the connection, or cut it if the broker does not say farewell."""
        self._connection.flush()
        if self._connection.is_open:
            self._connection.close()
            self._run(_CLOSE_SECONDS)
        if not self._connection.is_closed:
            self._connection.cut()
            self._run(_CLOSE_SECONDS)
        self._loop.close()

    def _run(self, seconds: float) -> None:
        """Let the client work, until there is news."""
        timer = self._loop.call_later(seconds, self._loop.stop)
        self._loop.start()
        self._loop.remove_timeout(timer)

    def _open_channel(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._prepare)

    def _prepare(self, channel: Channel) -> None:
        self._channel, self._tag = channel, 0
        channel.add_on_close_callback(self._fail)
        channel.add_on_return_callback(self._hear_return)
        channel.confirm_delivery(self._hear, self._begin)

    def _begin(self, _frame: Any) -> None:
        self._is_ready = True
        self._loop.stop()

    def _hear(self, frame: Any) -> None:
        tag, is_taken = frame.method.delivery_tag, isinstance(frame.method, Basic.Ack)
        tags = [tag]
        if frame.method.multiple:
            tags = [each for each in self._under_way if each <= tag]
        for each in tags:
            self._conclude(self._under_way.pop(each), is_taken=is_taken)
        self._loop.stop()

    def _conclude(self, message: Message, *, is_taken: bool) -> None:
        if message.event_id in self._returned:  # which the broker says first
            self._returned.remove(message.event_id)
            outcome = Outcome(message, Verdict.PUT_OFF, "no queue is bound for it")
        elif is_taken:
            outcome = Outcome(message, Verdict.TAKEN)
        else:
            outcome = Outcome(message, Verdict.PUT_OFF, "the queue takes no more")
        self._outcomes.append(outcome)

    def _hear_return(self, *returned: Any) -> None:
        self._returned.add(returned[2].message_id)

    def _fail(self, _closed: object, error: BaseException | str) -> None:
        if self._fault is None:
            self._fault = _fault(error)
        self._loop.stop()


class _Connection(SelectConnection):  # type: ignore[misc] # which has no types
    _gathered: list[bytes] | None = None
    """What is not handed to the socket yet, while it is gathered."""

    def gather(self) -> None:
        """Let frames leave together: else each of the three of a message is a system call."""
        if self._gathered is None:
            self._gathered = []

    def flush(self) -> None:
        """Let them leave."""
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._adapter_emit_data(b"".join(gathered))

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._gathered is None:
            super()._adapter_emit_data(data)
        else:
            self._gathered.append(data)

    def cut(self) -> None:
        """End it without a farewell, whatever still waits to be sent."""
        self._terminate_stream(StreamLostError("given up"))


def open_sink(address: SinkAddress) -> RabbitMqSink:
    """Connect."""
    return RabbitMqSink(address)


def _parameters(address: SinkAddress) -> ConnectionParameters:
    [(host, port)] = address.hosts
    context = tls_context(address)
    return ConnectionParameters(
        host=host,
        port=port,
        virtual_host=address.path or "/",
        credentials=PlainCredentials(address.username or "guest", address.password or "guest"),
        ssl_options=SSLOptions(context, host) if context else None,
        heartbeat=_HEARTBEAT_SECONDS,
        socket_timeout=OPEN_SECONDS,
        stack_timeout=OPEN_SECONDS,
        connection_attempts=1,
        client_properties={"connection_name": "authsvc"},
    )


def _fault(error: BaseException | str) -> SinkUnavailable | OneRefused:
    if isinstance(error, ChannelClosedByBroker) and _TOO_LARGE in error.reply_text:
        return OneRefused("longer than the broker's max_message_size")
    if isinstance(error, ChannelClosedByBroker | ConnectionClosed):
        return SinkUnavailable(f"{error.reply_code} {error.reply_text}")
    if isinstance(error, AMQPConnectionWorkflowFailed):
        error = error.exceptions[-1]
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        error = error.exception
    return SinkUnavailable(type(error).__name__)
