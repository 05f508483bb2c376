"""A broker that takes, refuses, puts off, loses and forgets to answer as a script says."""

from collections.abc import Iterator, Sequence
from enum import Enum

from authsvc.relay.cloudevents import Message
from authsvc.relay.sink import OneRefused, Outcome, SinkUnavailable, Verdict


class Act(Enum):
    """What it does with a message that it gets."""

    TAKE = "take"
    PUT_OFF = "put off"
    TAKE_AND_HANG_UP = "take and hang up"
    HANG_UP = "hang up"
    REFUSE_ONE = "refuse one"


class ScriptedBroker:
    """Keeps what it has taken, whatever becomes of its connections."""

    def __init__(self, acts: Iterator[Act]) -> None:
        self.acts = acts
        self.kept: list[Message] = []
        self.most_under_way = 0

    def open(self) -> "ScriptedSink":
        """Open a connection."""
        return ScriptedSink(self)


class ScriptedSink:
    """A `Sink`."""

    def __init__(self, broker: ScriptedBroker) -> None:
        self._broker = broker
        self._sent: list[Message] = []
        self._lost = False

    def send(self, message: Message) -> None:
        self._sent.append(message)
        self._broker.most_under_way = max(self._broker.most_under_way, len(self._sent))

    def settle(self, seconds: float) -> Sequence[Outcome]:
        outcomes = []
        while self._sent:
            message = self._sent.pop(0)
            match next(self._broker.acts, Act.TAKE):
                case Act.TAKE:
                    self._broker.kept.append(message)
                    outcomes.append(Outcome(message, Verdict.TAKEN))
                case Act.PUT_OFF:
                    outcomes.append(Outcome(message, Verdict.PUT_OFF, "full"))
                case Act.TAKE_AND_HANG_UP:
                    self._broker.kept.append(message)
                    raise SinkUnavailable("lost")
                case Act.HANG_UP:
                    raise SinkUnavailable("lost")
                case Act.REFUSE_ONE:
                    raise OneRefused("too long")
        return outcomes

    def close(self) -> None:
        self._sent.clear()
