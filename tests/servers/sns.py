"""AWS SNS and a queue of SQS behind it, as moto plays them, in a process of its own."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from tests.servers.brokers import Broker
from tests.servers.processes import Program, answers, free_port, home

_KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_REGION = "eu-central-1"
_SERVE = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"


class Sns(Broker):
    """A FIFO topic, and a FIFO queue that subscribes to it."""

    too_long = 300_000

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.program = Program(
            [sys.executable, "-c", _SERVE, str(self.port)], log=directory / "log"
        )
        self._seen: list[bytes] = []
        self.start()

    @property
    def url(self) -> str:
        return f"sns:{self.topic}?endpoint=http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it anew; it keeps nothing."""
        self.program.start(lambda: answers(self.port))
        fifo = {"FifoTopic": "true"}
        self.topic = self._client("sns").create_topic(Name="events.fifo", Attributes=fifo)[
            "TopicArn"
        ]
        self._queue: str = self._client("sqs").create_queue(
            QueueName="events.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "3600"}
        )["QueueUrl"]
        arn = f"arn:aws:sqs:{_REGION}:123456789012:events.fifo"
        self._client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def received(self) -> Sequence[bytes]:
        client = self._client("sqs")
        while found := client.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                self._seen.append(json.loads(message["Body"])["Message"].encode())
                client.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return list(self._seen)

    def empty(self) -> None:
        self.received()
        self._seen = []

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=_REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


@contextmanager
def sns_server(patch: Any) -> Iterator[Sns]:
    """Run one, with the keys for it in the environment."""
    for name, value in _KEYS.items():
        patch.setenv(name, value)
    with home("sns") as directory:
        broker = Sns(directory)
        try:
            yield broker
        finally:
            broker.kill()
