"""One place for a worker: who is in it, who is leaving it, and when to try again."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from authsvc.process import Child, fork

Ready = Callable[[], None]
"""Called by a worker once it serves."""

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0  # seconds
_STABLE_SECONDS = 10.0


@dataclass(slots=True)
class WorkerSlot:
    """A worker's place, pinned to one core. Times are seconds of `time.monotonic`."""

    number: int
    cpu: int | None
    child: Child | None = None
    is_ready: bool = False
    ready_pipe: int | None = None
    start_time: float = 0.0
    retry_time: float = 0.0
    failures: int = 0
    """How often in a row the worker ended soon after its start."""
    leaving: Child | None = None
    """The worker that the child takes the place of; it serves until that one is ready."""
    leave_deadline: float | None = None
    """When the leaving worker's grace ends; None while it still serves."""

    def start(self, body: Callable[[Ready], object]) -> int:
        """Start a worker in this slot; give the pipe that tells when it is ready."""
        read_end, write_end = os.pipe()

        def run() -> None:
            os.close(read_end)
            if self.cpu is not None:
                os.sched_setaffinity(0, {self.cpu})
            body(lambda: _tell(write_end))

        self.child = fork(run)
        os.close(write_end)
        self.is_ready = False
        self.ready_pipe = read_end
        self.start_time = time.monotonic()
        return read_end

    def ended(self) -> float:
        """Note that the worker ended; give the delay before the next start, in seconds."""
        now = time.monotonic()
        stable = self.is_ready and now - self.start_time > _STABLE_SECONDS
        self.failures = 0 if stable else self.failures + 1
        delay = 0.0
        if self.failures > 1 or not self.is_ready:
            delay = min(_FIRST_DELAY * 2.0 ** min(self.failures - 1, 10), _LONGEST_DELAY)
        self.child = None
        self.is_ready = False
        self.retry_time = now + delay
        return delay

    def close_pipe(self) -> int | None:
        """Close the ready pipe; give the descriptor that it had."""
        descriptor, self.ready_pipe = self.ready_pipe, None
        if descriptor is not None:
            os.close(descriptor)
        return descriptor


def _tell(pipe: int) -> None:
    os.write(pipe, b"1")
    os.close(pipe)
