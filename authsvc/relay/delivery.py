"""Delivering events to a sink: many under way at once, and yet in order.

They are sent in their one order. A broker may refuse one of them and take those behind it, though,
for instance while it is full. So an event waits until nothing else of its subject is under way, and
what was put off is sent again before anything behind it: the order of a subject's events holds
whatever the broker does. Whoever drops events whose ids it has seen gets each once.
"""

import time
from collections.abc import Callable, Sequence

from authsvc.relay.cloudevents import Message
from authsvc.relay.sink import OneRefused, Outcome, Sink, SinkUnavailable, Verdict

WINDOW = 500
"""Messages under way at once."""

_PATIENCE = 5.0
"""Seconds without any answer, after which a broker counts as unavailable."""
_SLICE = 0.1
_PEEK = 50
"""After so many sends it is heard what the broker has said meanwhile."""


class Delivery:
    """Messages, in order, that a sink is to take; it may need several attempts."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.pending = {message.sequence: message for message in messages}
        """Of which it is unknown whether the sink has them."""
        self.refused: dict[int, Outcome] = {}
        self.taken = 0
        self._last = messages[-1].sequence if messages else 0
        self._under_way: dict[int, Message] = {}
        self._subjects: set[str] = set()
        self._one_by_one = False
        self._window = WINDOW
        self._put_off = ""
        self._heard_at = 0.0

    def place(self) -> int:
        """Give the place up to which nothing is pending."""
        return next(iter(self.pending)) - 1 if self.pending else self._last

    def attempt(self, sink: Sink, *, window: int, go_on: Callable[[], bool]) -> None:
        """Send what is pending, until all has been answered.

        Args:
            sink: Where to.
            window: How many may be under way at first; each that is taken admits one more.
            go_on: Asked before each message whether to send it; else the rest stays pending.

        Raises:
            SinkUnavailable: The rest is still pending.
            OneRefused: The same; the next attempt finds out which one it was.

        """
        self._under_way.clear()
        self._subjects.clear()
        self._window, self._put_off, self._heard_at = window, "", time.monotonic()
        try:
            self._send(sink, go_on)
            while self._under_way:
                self._hear(sink, _SLICE)
        except OneRefused as refusal:
            self._suspect(str(refusal))
            raise
        if self._put_off:
            raise SinkUnavailable(self._put_off)

    def _send(self, sink: Sink, go_on: Callable[[], bool]) -> None:
        for count, message in enumerate(tuple(self.pending.values()), start=1):
            while self._is_held_up(message):
                self._hear(sink, _SLICE)
            if self._put_off or not go_on():
                return
            sink.send(message)
            self._under_way[message.sequence] = message
            if message.subject:
                self._subjects.add(message.subject)
            if count % _PEEK == 0:
                self._hear(sink, 0)

    def _is_held_up(self, message: Message) -> bool:
        most = 1 if self._one_by_one else min(self._window, WINDOW)
        return len(self._under_way) >= most or message.subject in self._subjects

    def _hear(self, sink: Sink, seconds: float) -> None:
        outcomes = sink.settle(seconds)
        now = time.monotonic()
        if outcomes:
            self._heard_at = now
        elif self._under_way and now - self._heard_at > _PATIENCE:
            raise SinkUnavailable("no answer")
        for outcome in outcomes:
            self._judge(outcome)

    def _judge(self, outcome: Outcome) -> None:
        sequence = outcome.message.sequence
        if self._under_way.pop(sequence, None) is None:
            return
        self._subjects.discard(outcome.message.subject)
        if outcome.verdict is Verdict.PUT_OFF:
            self._put_off = outcome.reason
            return
        del self.pending[sequence]
        if outcome.verdict is Verdict.REFUSED:
            self.refused[sequence] = outcome
        else:
            self.taken += 1
            self._window += 1

    def _suspect(self, reason: str) -> None:
        """One of those under way was refused; of several, each is sent alone."""
        if len(self._under_way) == 1:
            [(sequence, message)] = self._under_way.items()
            del self.pending[sequence]
            self.refused[sequence] = Outcome(message, Verdict.REFUSED, reason)
        self._one_by_one = True


class Courier:
    """Keeps a sink open as long as it is of use."""

    def __init__(self, open_sink: Callable[[], Sink]) -> None:
        self._open = open_sink
        self._sink: Sink | None = None
        self._window = WINDOW

    def deliver(self, delivery: Delivery, *, go_on: Callable[[], bool] = lambda: True) -> None:
        """Deliver all that is pending, unless `go_on` says otherwise.

        Raises:
            SinkUnavailable: The rest is still pending. Next time it begins with a single message,
                so that a broker that takes none gets no heap of copies.

        """
        while delivery.pending and go_on():
            try:
                self._sink = self._sink or self._open()
                delivery.attempt(self._sink, window=self._window, go_on=go_on)
            except OneRefused:
                self.close()
            except Exception as error:
                self.close()
                self._window = 1
                if isinstance(error, SinkUnavailable):
                    raise
                # Clients of brokers raise what they like when an answer was cut off.
                raise SinkUnavailable(type(error).__name__) from error
            else:
                self._window = WINDOW

    def keep_alive(self) -> None:
        """Do what an idle connection needs; one that has ended is opened anew when needed."""
        if self._sink is not None:
            try:
                self._sink.settle(0)
            except Exception:  # noqa: BLE001 - as above
                self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
