"""A Redis server with a stream."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from authsvc.embedded import find_server
from tests.missing import give_up
from tests.servers.brokers import Broker
from tests.servers.processes import Program, free_port, home


class RedisStreams(Broker):
    """Redis or Valkey."""

    def __init__(self, binary: str, directory: Path, *more: str) -> None:
        self.port = free_port()
        command = [binary, "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        options = ["--appendonly", "yes", "--appendfsync", "always", *more]
        self.program = Program([*command, *options, "--dir", str(directory)], log=directory / "log")
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0?stream=events"

    def start(self) -> None:
        self.program.start(self.is_ready)

    def client(self) -> Redis:
        """A plain client."""
        return Redis(port=self.port, socket_timeout=5, protocol=2)

    def received(self) -> Sequence[bytes]:
        with self.client() as client:
            return [fields[b"event"] for _, fields in client.xrange("events")]

    def empty(self) -> None:
        with self.client() as client:
            client.delete("events")


@contextmanager
def valkey_streams() -> Iterator[RedisStreams]:
    """Run the embedded Valkey."""
    yield from _running(find_server())


@contextmanager
def redis_streams(*more: str) -> Iterator[RedisStreams]:
    """Run the `redis-server` on the PATH, with more options if there are."""
    yield from _running(shutil.which("redis-server") or give_up("there is no redis-server"), *more)


def _running(binary: str, *more: str) -> Iterator[RedisStreams]:
    with home("rds") as directory:
        broker = RedisStreams(binary, directory, *more)
        try:
            yield broker
        finally:
            broker.kill()
