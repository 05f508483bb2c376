"""What the tests of the relay ask of every broker."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence

from tests.servers.processes import Program


class Broker(ABC):
    """A real broker on loopback, with one place that events are relayed to."""

    program: Program
    too_long = 1_200_000
    """Bytes of a message that it refuses for good."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL of the sink."""

    @abstractmethod
    def start(self) -> None:
        """Start it, with what it has kept."""

    @abstractmethod
    def received(self) -> Sequence[bytes]:
        """Give all that it has taken so far, in its order."""

    @abstractmethod
    def empty(self) -> None:
        """Forget all that it has taken."""

    def is_ready(self) -> bool:
        """Say whether it answers."""
        try:
            self.received()
        except Exception:
            return False
        return True

    def kill(self) -> None:
        """Kill it without warning."""
        self.program.kill()

    def stand_still(self) -> None:
        """Stop it as it is: connections stay open, nothing is answered."""
        self.program.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.program.signal(signal.SIGCONT)
