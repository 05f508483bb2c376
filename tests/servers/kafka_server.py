"""An Apache Kafka broker in KRaft mode with a topic, its jars fetched by Maven."""

import functools
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.missing import give_up
from tests.servers.brokers import Broker
from tests.servers.processes import Program, answers, free_port, home

_POM = Path(__file__).parent / "kafka" / "pom.xml"
_PARTITIONS = 3
_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},OUTSIDE://127.0.0.1:{outside},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},OUTSIDE://127.0.0.1:{proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:{protocol},CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={directory}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
{more}
"""
_KEY_STORE = """
ssl.keystore.type=PEM
ssl.keystore.location={}
"""


class Kafka(Broker):
    """A broker that is its own controller."""

    too_long = 700_000

    def __init__(self, directory: Path, proxy: int | None, key_store: Path | None) -> None:
        self.port, self.outside = free_port(), free_port()
        settings = directory / "server.properties"
        settings.write_text(
            _SETTINGS.format(
                port=self.port,
                controller=free_port(),
                outside=self.outside,
                proxy=proxy or self.outside,
                directory=directory,
                protocol="SSL" if key_store else "PLAINTEXT",
                more=_KEY_STORE.format(key_store) if key_store else "",
            ),
            encoding="utf-8",
        )
        cluster = uuid.uuid4().hex[:22]
        _java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings))
        command = [*_command(), "-Xmx512m", "kafka.Kafka", str(settings)]
        self.program = Program(command, log=directory / "log")
        self.start()
        self.make_topic()

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}/events"

    def start(self) -> None:
        self.program.start(self._is_open)

    def make_topic(self) -> None:
        """Make the topic anew."""
        admin = self._admin()
        if "events" in admin.list_topics(timeout=10).topics:
            admin.delete_topics(["events"])["events"].result(10)
        topic = NewTopic("events", _PARTITIONS, config={"max.message.bytes": "500000"})
        end = time.monotonic() + 20
        while True:
            try:
                admin.create_topics([topic])["events"].result(10)
            except Exception:  # it is still being deleted
                assert time.monotonic() < end
                time.sleep(0.1)
            else:
                return

    def received(self) -> Sequence[bytes]:
        """Give the records, partition by partition."""
        settings = {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "group.id": "tests",
            "enable.auto.commit": False,
        }
        with closing(Consumer(settings)) as consumer:
            return [
                body
                for partition in range(_PARTITIONS)
                for body in self._records(consumer, partition)
            ]

    def _records(self, consumer: Consumer, partition: int) -> Iterator[bytes]:
        place = TopicPartition("events", partition, OFFSET_BEGINNING)
        first, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([place])
        while first < end:
            record = consumer.poll(10)
            assert record is not None
            assert record.error() is None, record.error()
            first = record.offset() + 1
            yield record.value()

    def empty(self) -> None:
        self.make_topic()

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": f"127.0.0.1:{self.port}"})

    def _is_open(self) -> bool:
        if not answers(self.port):
            return False
        try:
            return bool(self._admin().list_topics(timeout=5).brokers)
        except Exception:
            return False


@contextmanager
def kafka_server(proxy: int | None = None, *, key_store: Path | None = None) -> Iterator[Kafka]:
    """Run one, with a port for those outside.

    Who comes to it is sent to the proxy's, if there is one, and spoken to by TLS, if there is a
    file of PEM with a key and its certificate.
    """
    with home("kfk") as directory:
        broker = Kafka(directory, proxy, key_store)
        try:
            yield broker
        finally:
            broker.kill()


def _java(*arguments: str) -> None:
    done = subprocess.run([*_command(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"{arguments[0]} failed: {done.stdout}{done.stderr}"
        raise RuntimeError(message)


def _command() -> list[str]:
    java = shutil.which("java") or give_up("there is no java")
    return [java, "-cp", _class_path(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


@functools.cache
def _class_path() -> str:
    maven = shutil.which("mvn") or give_up("there is no mvn")
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as file:
        goal = ["dependency:build-classpath", f"-Dmdep.outputFile={file.name}"]
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(_POM), *goal], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            give_up(f"there is no Apache Kafka, or Maven can't fetch it: {done.stdout[-500:]}")
        return file.read()
