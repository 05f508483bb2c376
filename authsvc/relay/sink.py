"""What events are relayed to: the port that each kind of broker has an adapter for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from authsvc.relay.cloudevents import Message

OPEN_SECONDS = 3.0
"""The bound of opening a sink."""


class SinkUnavailable(Exception):
    """The broker does not answer, or takes nothing at present.

    Whether it has what was under way is unknown. The text says why, without a secret or an address.
    """


class OneRefused(Exception):
    """The broker refuses one of the messages under way for good, and does not say which.

    The sink is of no use any longer. The text says why, without a secret.
    """


class Verdict(Enum):
    """What a broker says to a message."""

    TAKEN = "taken"
    """It is kept as safely as the broker keeps anything."""
    REFUSED = "refused"
    """It will never be taken, whenever and however often it is sent."""
    PUT_OFF = "put off"
    """Not now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message."""

    message: Message
    verdict: Verdict
    reason: str = ""


class Sink(Protocol):
    """An open connection to a broker, used by one thread. Opening it raises SinkUnavailable.

    Each method may raise SinkUnavailable or OneRefused; then the sink has only to be closed.
    """

    def send(self, message: Message) -> None:
        """Send a message behind those sent before, without waiting for what becomes of it."""

    def settle(self, seconds: float) -> Sequence[Outcome]:
        """Say what has become of messages; wait at most so long if nothing is known yet.

        It keeps the connection alive, too: call it at least every few seconds.
        """

    def close(self) -> None:
        """Give the connection up at once; raises nothing."""
