"""A RabbitMQ server with a queue, from Debian's package `rabbitmq-server`."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.missing import give_up
from tests.servers.brokers import Broker
from tests.servers.processes import Program, answers, free_port, home

# Debian's own script would change the user.
_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

_SETTINGS = """
listeners.tcp.1 = 127.0.0.1:{port}
max_message_size = 1000000
log.console = true
log.file = false
{more}
"""


class RabbitMq(Broker):
    """rabbitmq-server."""

    def __init__(self, directory: Path, settings: str = "") -> None:
        self.port, self._epmd_port, distribution = free_port(), free_port(), free_port()
        if not _SCRIPT.exists():
            give_up("there is no rabbitmq-server")
        config = directory / "rabbitmq.conf"
        config.write_text(_SETTINGS.format(port=self.port, more=settings), encoding="utf-8")
        # The names of its nodes are kept by a daemon, which it would start, and leave behind.
        self._epmd = Program(
            ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            log=directory / "epmd.log",
        )
        self._environment = {
            "HOME": str(directory),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RUNNING_UNDER_SYSTEMD": "1",  # in the foreground, without a shell
        }
        self.program = Program([str(_SCRIPT)], log=directory / "log", environment=self._environment)
        try:
            self._epmd.start(lambda: answers(self._epmd_port))
            self.start()
            self.make_queue()
        except BaseException:
            self.end()
            raise

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/?queue=events"

    def start(self) -> None:
        self.program.start(self._is_open)

    def end(self) -> None:
        """Kill it, and what keeps the names of its nodes."""
        self.kill()
        self._epmd.kill()

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel of a connection of its own."""
        parameters = pika.URLParameters(f"amqp://guest:guest@127.0.0.1:{self.port}/%2F")
        parameters.socket_timeout = parameters.stack_timeout = 5
        connection = pika.BlockingConnection(parameters)
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def make_queue(self, **arguments: Any) -> None:
        """Make the queue anew, with arguments such as x-max-length."""
        with self.channel() as channel:
            channel.queue_delete("events")
            channel.queue_declare("events", durable=True, arguments=arguments)

    def received(self) -> Sequence[bytes]:
        """Give what is in the queue; it stays there."""
        with self.channel() as channel:
            count = channel.queue_declare("events", passive=True).method.message_count
            bodies: list[bytes] = []
            for _, _, body in channel.consume("events", inactivity_timeout=5):
                if body is None:
                    break
                bodies.append(body)
                if len(bodies) >= count:
                    break
            return bodies if count else []

    def take(self, count: int) -> list[bytes]:
        """Take messages out of the queue."""
        with self.channel() as channel:
            got = [channel.basic_get("events", auto_ack=True)[2] for _ in range(count)]
            return [body for body in got if body is not None]

    def empty(self) -> None:
        self.make_queue()

    def control(self, *arguments: str) -> None:
        """Run `rabbitmqctl`."""
        command = [str(_SCRIPT.with_name("rabbitmqctl")), *arguments]
        environment = {**os.environ, **self._environment}
        subprocess.run(command, env=environment, check=True, capture_output=True, cwd="/")

    def _is_open(self) -> bool:
        try:
            with self.channel():
                return True
        except Exception:
            return False


@contextmanager
def rabbitmq(settings: str = "") -> Iterator[RabbitMq]:
    """Run one, with more lines of its configuration if there are."""
    with home("rmq") as directory:
        broker = RabbitMq(directory, settings)
        try:
            yield broker
        finally:
            broker.end()
