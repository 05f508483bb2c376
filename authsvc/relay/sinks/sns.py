"""AWS SNS: a FIFO topic, which keeps the order of a group and drops what it has seen.

The group is the subject, the deduplication id the event's id. Credentials come from where the AWS
SDK finds them: the environment, its files, or the role of the machine.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from authsvc.relay.addresses import SinkAddress
from authsvc.relay.cloudevents import CONTENT_TYPE, Message
from authsvc.relay.sink import OPEN_SECONDS, Outcome, SinkUnavailable, Verdict

_ANSWER_SECONDS = 4
_MOST_ENTRIES, _MOST_BYTES = 10, 250_000
"""Of a batch: the service takes no more, nor more than 256 KiB with all attributes."""
_GROUP = re.compile(r"[!-~]{1,128}")
_ATTRIBUTES = {"content-type": {"DataType": "String", "StringValue": CONTENT_TYPE}}


class SnsSink:
    """A `Sink`."""

    def __init__(self, address: SinkAddress) -> None:
        self._topic = address.path
        self._waiting: list[Message] = []
        config = Config(
            connect_timeout=OPEN_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            retries={"total_max_attempts": 1},
        )
        try:
            self._client = Session().client(
                "sns",
                region_name=self._topic.split(":")[3],
                endpoint_url=address.options.get("endpoint"),
                config=config,
            )
        except BotoCoreError as error:
            raise SinkUnavailable(type(error).__name__) from None

    def send(self, message: Message) -> None:
        """Put a message with the others."""
        self._waiting.append(message)

    def settle(self, seconds: float) -> Sequence[Outcome]:  # noqa: ARG002 - the socket has its own
        """Publish a batch, and say what became of it."""
        batch: list[Message] = []
        size = 0
        for message in self._waiting[:_MOST_ENTRIES]:
            size += len(message.body)
            if batch and size > _MOST_BYTES:
                break
            batch.append(message)
        del self._waiting[: len(batch)]
        return self._publish(batch) if batch else []

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _publish(self, batch: Sequence[Message]) -> list[Outcome]:
        entries = [_entry(place, message) for place, message in enumerate(batch)]
        try:
            answer = self._client.publish_batch(
                TopicArn=self._topic, PublishBatchRequestEntries=entries
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if len(batch) == 1 and code in _FINAL:
                return [Outcome(batch[0], Verdict.REFUSED, code)]
            raise SinkUnavailable(code) from None
        except BotoCoreError as error:
            raise SinkUnavailable(type(error).__name__) from None
        outcomes = [Outcome(batch[int(each["Id"])], Verdict.TAKEN) for each in answer["Successful"]]
        return [*outcomes, *(_failure(batch, each) for each in answer.get("Failed", ()))]


_FINAL = frozenset({"BatchRequestTooLong", "InvalidParameter", "InvalidParameterValue"})


def open_sink(address: SinkAddress) -> SnsSink:
    """Prepare a client; the first batch shows whether there is a service."""
    return SnsSink(address)


def _entry(place: int, message: Message) -> dict[str, Any]:
    return {
        "Id": str(place),
        "Message": message.body.decode(),
        "MessageGroupId": _group(message),
        "MessageDeduplicationId": message.event_id,
        "MessageAttributes": _ATTRIBUTES,
    }


def _group(message: Message) -> str:
    """Give the subject, or what stands for it where SNS would not take it as it is."""
    subject = message.subject or message.event_id
    return subject if _GROUP.fullmatch(subject) else hashlib.sha256(subject.encode()).hexdigest()


def _failure(batch: Sequence[Message], failed: dict[str, Any]) -> Outcome:
    is_final = failed["SenderFault"] and failed["Code"] in _FINAL
    verdict = Verdict.REFUSED if is_final else Verdict.PUT_OFF
    return Outcome(batch[int(failed["Id"])], verdict, failed["Code"])
