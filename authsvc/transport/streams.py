"""Streams of responses: many open at once, few threads, and none for long with a slow reader.

Sending blocks until the peer has room. So the streams of a method share a few sender threads, each
stream queues what is to be sent, and `look_after` ends those whose peers don't read. Methods share
no threads: whoever may call one cannot hold up another.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from authsvc.errors import AuthError, Overloaded, StoreUnavailable
from authsvc.transport.status import status_of, stopping_status

_SENDERS = 16
_QUEUED = 64
"""Responses that may wait in a stream."""
_PATIENCE = 3.0
"""How many seconds a peer may leave a response untaken."""
_PATIENCE_IF_MANY = 1.0
"""The same while half of the senders are held up."""
_FAREWELL = 0.5
"""How many seconds a peer has to take the status, before its call is cut."""


class Stream:
    """The responses of one call. Threads may share it; nothing in it waits for the peer."""

    def __init__(
        self,
        context: grpc.ServicerContext,
        send: Callable[[Any], None],
        *,
        senders: ThreadPoolExecutor,
        check_caller: Callable[[], None],
    ) -> None:
        self._context = context
        self._send = send
        self._senders = senders
        self.check_caller = check_caller
        """Raises what the caller is refused for by now."""
        self.code = "CANCELLED"
        """The name of the status that it ended with; the peer's own unless the server ends it."""
        self._queue: deque[tuple[Any, Callable[[], object]]] = deque()
        self._changing = threading.Lock()
        self._is_sending = False
        self._waiting_since: float | None = None
        self._ended_at: float | None = None

    def put(self, response: Any, *, then: Callable[[], object] = lambda: None) -> None:
        """Queue a response; `then` is called once it was sent, unless the stream ends.

        A stream in which too many wait is ended.
        """
        with self._changing:
            if self._ended_at is not None:
                return
            is_full = len(self._queue) >= _QUEUED
            if not is_full:
                self._queue.append((response, then))
                if self._is_sending:
                    return
                self._is_sending = True
        if is_full:
            self.fail(Overloaded("a stream is not read"))
        else:
            self._senders.submit(self._send_all)

    def on_over(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once the call is over, however that comes; it MUST NOT block."""
        if not self._context.add_callback(callback):
            callback()

    def fail(self, error: AuthError) -> None:
        """End it with the status of an error, without what is queued."""
        self.end(status_of(error))

    def end(self, status: grpc.Status) -> None:
        """End it with a status, without what is queued; only the first time counts."""
        with self._changing:
            if self._ended_at is not None:
                return
            self._ended_at = time.monotonic()
            self._queue.clear()
        self.code = status.code.name
        self._context.set_trailing_metadata(status.trailing_metadata)
        self._context.set_code(status.code)
        self._context.set_details(status.details)
        self._send(None)

    def waiting(self, now: float) -> float:
        """Say for how many seconds the peer has left a response untaken."""
        since = self._waiting_since
        return now - since if since is not None else 0.0

    def cut(self, now: float) -> None:
        """Cut a call whose peer does not even take the status, which frees its sender."""
        if self._ended_at is not None and now - self._ended_at > _FAREWELL:
            self._context.cancel()

    def _send_all(self) -> None:
        while True:
            with self._changing:
                if not self._queue:
                    self._is_sending = False
                    return
                response, then = self._queue.popleft()
                self._waiting_since = time.monotonic()
            self._send(response)
            self._waiting_since = None
            then()


class Streams:
    """The open streams of a server."""

    def __init__(self, *, count: Callable[[str, str], None]) -> None:
        """Take what is told the method and the code of each stream that has ended."""
        self._count = count
        self._open: dict[Stream, str] = {}
        self._senders: dict[str, ThreadPoolExecutor] = {}
        self._changing = threading.Lock()
        self._is_stopped = False

    def open(
        self,
        method: str,
        context: grpc.ServicerContext,
        send: Callable[[Any], None],
        *,
        check_caller: Callable[[], None],
    ) -> Stream:
        """Begin the stream of a call that was let in."""
        with self._changing:
            if method not in self._senders:
                self._senders[method] = ThreadPoolExecutor(_SENDERS, thread_name_prefix=method)
            stream = Stream(context, send, senders=self._senders[method], check_caller=check_caller)
            self._open[stream] = method
            is_stopped = self._is_stopped
        stream.on_over(lambda: self._forget(stream))
        if is_stopped:
            stream.end(stopping_status())
        return stream

    def look_after(self) -> None:
        """End the streams whose peers don't read."""
        now = time.monotonic()
        held_up: dict[str, int] = {}
        for stream, method in self._all():
            held_up[method] = held_up.get(method, 0) + (stream.waiting(now) > _PATIENCE_IF_MANY)
        for stream, method in self._all():
            are_many = held_up.get(method, 0) >= _SENDERS // 2
            if stream.waiting(now) > (_PATIENCE_IF_MANY if are_many else _PATIENCE):
                stream.fail(Overloaded("a stream is not read"))
            stream.cut(now)

    def check_callers(self) -> None:
        """End the streams whose callers would not be let in any longer.

        Raises:
            StoreUnavailable: That cannot be found out now; none is ended for it.

        """
        for stream, _ in self._all():
            try:
                stream.check_caller()
            except StoreUnavailable:
                raise
            except AuthError as error:
                stream.fail(error)

    def stop(self) -> None:
        """End all streams, and cut those whose peers don't take it."""
        with self._changing:
            self._is_stopped = True
        for stream, _ in self._all():
            stream.end(stopping_status())
        deadline = time.monotonic() + _FAREWELL
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)
        for stream, _ in self._all():
            stream.cut(time.monotonic() + _FAREWELL)
        for senders in self._senders.values():
            senders.shutdown(wait=False)

    def _all(self) -> list[tuple[Stream, str]]:
        with self._changing:
            return list(self._open.items())

    def _forget(self, stream: Stream) -> None:
        with self._changing:
            method = self._open.pop(stream)
        self._count(method, stream.code)
