"""NATS JetStream: each message is acknowledged by the stream, which drops those it has seen.

A message's `Nats-Msg-Id` is the event's id. The client is asynchronous; its loop runs only while
the relay sends or listens, in the relay's own thread.
"""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from authsvc.relay.addresses import SinkAddress
from authsvc.relay.cloudevents import CONTENT_TYPE, Message
from authsvc.relay.sink import OPEN_SECONDS, Outcome, SinkUnavailable, Verdict
from authsvc.relay.tls import tls_context

_TOO_LARGE = 10054
"""JSStreamMessageExceedsMaximumErr: longer than the stream's `max_msg_size`."""
_NO_RESPONDERS = "503"
_ONE_TURN = 0.001
"""Seconds; enough for the loop to send what waits and to read what has come."""
_CLOSE_SECONDS = 0.5
_HEADERS_BESIDE_ID = len(f"NATS/1.0\r\nNats-Msg-Id: \r\nContent-Type: {CONTENT_TYPE}\r\n\r\n")


class NatsSink:
    """A `Sink`."""

    def __init__(self, address: SinkAddress) -> None:
        self._subject = address.path
        self._waiting: list[Message] = []
        self._under_way: dict[str, Message] = {}
        self._outcomes: list[Outcome] = []
        self._fault = "connection lost"
        self._heard = asyncio.Event()
        self._loop = _Loop()
        self._client = Client()
        try:
            self._run(self._open(address))
        except BaseException:
            self.close()
            raise

    def send(self, message: Message) -> None:
        """Put a message with those that are sent when the loop runs."""
        self._waiting.append(message)

    def settle(self, seconds: float) -> Sequence[Outcome]:
        """Send what waits, and say what the stream has acknowledged or refused."""
        self._run(self._exchange(seconds))
        if self._client.is_closed and not self._outcomes:
            raise SinkUnavailable(self._fault)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self) -> None:
        """Cut the connection, and let the client see that it is cut."""
        self._loop.cut()
        with suppress(Exception):
            self._loop.run_until_complete(asyncio.wait_for(self._client.close(), _CLOSE_SECONDS))
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._loop.run_until_complete(work)
        except NatsError as error:  # whose texts are the library's or the server's own
            raise SinkUnavailable(str(error)) from None
        except (TimeoutError, OSError) as error:
            raise SinkUnavailable(type(error).__name__) from None

    async def _open(self, address: SinkAddress) -> None:
        context = tls_context(address)
        scheme = "tls" if context else "nats"

        def checked(secret: str) -> str:
            # A server, or somebody in its place, may say that it speaks no TLS.
            if context and not self._loop.speaks_tls:
                raise SinkUnavailable("the server offers no TLS")
            return secret

        has_token = bool(address.username) and not address.password
        await asyncio.wait_for(
            self._client.connect(
                [f"{scheme}://{authority}" for authority in address.authorities],
                name="authsvc",
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=int(OPEN_SECONDS),
                tls=context,
                user=None if has_token else lambda: checked(address.username),
                password=None if has_token else lambda: checked(address.password),
                token=(lambda: checked(address.username)) if has_token else None,
                error_cb=self._note,
            ),
            OPEN_SECONDS,
        )
        checked("")
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._hear)

    async def _exchange(self, seconds: float) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            await self._publish(message)
        self._heard.clear()
        with suppress(asyncio.TimeoutError):
            is_urgent = self._outcomes or not self._under_way
            wait = _ONE_TURN if is_urgent else max(seconds, _ONE_TURN)
            await asyncio.wait_for(self._heard.wait(), wait)

    async def _publish(self, message: Message) -> None:
        size = len(message.body) + _HEADERS_BESIDE_ID + len(message.event_id)
        if size > self._client.max_payload:
            # The server would hang up.
            self._conclude(message, Verdict.REFUSED, "longer than the server's max_payload")
            return
        self._under_way[str(message.sequence)] = message
        await self._client.publish(
            self._subject,
            message.body,
            reply=f"{self._inbox}.{message.sequence}",
            headers={"Nats-Msg-Id": message.event_id, "Content-Type": CONTENT_TYPE},
        )

    async def _hear(self, answer: Msg) -> None:
        message = self._under_way.pop(answer.subject.rpartition(".")[2], None)
        if message is None:
            return
        if answer.headers and answer.headers.get("Status") == _NO_RESPONDERS:
            self._conclude(message, Verdict.PUT_OFF, "no stream takes the subject")
            return
        error = json.loads(answer.data).get("error")
        if error is None:
            self._conclude(message, Verdict.TAKEN)
        else:
            is_final = error.get("err_code") == _TOO_LARGE
            verdict = Verdict.REFUSED if is_final else Verdict.PUT_OFF
            self._conclude(message, verdict, str(error.get("description", "")))

    def _conclude(self, message: Message, verdict: Verdict, reason: str = "") -> None:
        self._outcomes.append(Outcome(message, verdict, reason))
        self._heard.set()

    async def _note(self, error: Exception) -> None:
        self._fault = str(error) if isinstance(error, NatsError) else type(error).__name__


class _Loop(asyncio.SelectorEventLoop):
    """Knows the connections that it has opened, so that they can be cut whatever holds them up."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[asyncio.Transport] = []
        self.speaks_tls = False

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Open a connection."""
        transport, protocol = await super().create_connection(*args, **options)
        self._opened.append(transport)
        return transport, protocol

    async def start_tls(self, *args: Any, **options: Any) -> Any:
        """Speak TLS on a connection."""
        transport = await super().start_tls(*args, **options)
        self.speaks_tls = True
        return transport

    def cut(self) -> None:
        """Cut all connections, whatever still waits to be sent."""
        for transport in self._opened:
            transport.abort()


def open_sink(address: SinkAddress) -> NatsSink:
    """Connect."""
    return NatsSink(address)
