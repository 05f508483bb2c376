"""Streams of requests: few at once, each with the time that its peer may take for a message.

grpcio waits for the next message as long as the connection lives, and can't be told otherwise. So
a thread of the stream's own waits for it, and the handler waits for that thread.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any

import grpc

from authsvc.errors import DeadlineExceeded, Overloaded

REQUEST_STREAMS = 4
"""How many are read at once. What comes in them may be hashed for a long time, under the gate."""

IDLE_TIME = timedelta(seconds=60)
"""How long the next message may take."""

_A_DAY = 86_400.0
_RETRY = timedelta(seconds=5)
_AHEAD = 2
"""How many messages are there at most: the one that is worked on, and the next."""
_OVER = object()
_NEXT, _NO_MORE = True, False
"""What the handler asks the waiting thread for."""


class Cut(Exception):
    """The peer has gone, or the server stops, before the stream was over."""


class RequestStreams:
    """Lets a few streams be read at once."""

    def __init__(self, *, limit: int = REQUEST_STREAMS, idle_time: timedelta = IDLE_TIME) -> None:
        self._places = threading.BoundedSemaphore(limit)
        self._idle_seconds = idle_time.total_seconds()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take one of the places.

        Raises:
            Overloaded: None is free.

        """
        if not self._places.acquire(blocking=False):
            raise Overloaded("too many streams of requests", retry_after=_RETRY)
        try:
            yield
        finally:
            self._places.release()

    def read(self, messages: Iterator[Any]) -> Generator[Any]:
        """Give the messages of a stream as they come.

        Raises:
            DeadlineExceeded: None came for too long.
            Cut: None will come.

        """
        asked: SimpleQueue[bool] = SimpleQueue()
        given: SimpleQueue[Any] = SimpleQueue()
        threading.Thread(
            target=_wait_for, args=(messages, asked, given), name="requests", daemon=True
        ).start()
        try:
            for _ in range(_AHEAD):
                asked.put(_NEXT)
            while (message := self._next(given)) is not _OVER:
                yield message
                asked.put(_NEXT)
        finally:
            asked.put(_NO_MORE)

    def _next(self, given: "SimpleQueue[Any]") -> Any:
        try:
            message = given.get(timeout=self._idle_seconds)
        except Empty:
            raise DeadlineExceeded from None
        if isinstance(message, grpc.RpcError):
            raise Cut
        return message


def time_heard(context: grpc.ServicerContext) -> Callable[[], timedelta]:
    """Give the time that the caller of a stream leaves, which is none once it has gone."""

    def left() -> timedelta:
        if not context.is_active():
            return timedelta()
        remaining = context.time_remaining()  # without a deadline, some 10^18 seconds or None
        return timedelta(seconds=min(_A_DAY if remaining is None else remaining, _A_DAY))

    return left


def _wait_for(
    messages: Iterator[Any], asked: "SimpleQueue[bool]", given: "SimpleQueue[Any]"
) -> None:
    """Fetch a message each time that one is asked for; the end of the call ends the wait."""
    try:
        while asked.get():
            given.put(next(messages, _OVER))
    except grpc.RpcError as error:
        given.put(error)
