"""WatchEvents: from SQL, for each watcher from the place that it has been told up to."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from authn.v1.event_service_pb2 import WatchEventsResponse

from authsvc.domain.event_reading import EventReader
from authsvc.domain.events import EventFilter
from authsvc.errors import AuthError
from authsvc.transport.messages import event_message
from authsvc.transport.streams import Stream

_READERS = 2
"""Threads that read events, a batch at a time for each watcher in turn."""
_BATCH = 200
_QUIET_SECONDS = 10.0


class _Watcher:
    """Who is told, of what, and up to where that was done."""

    def __init__(self, stream: Stream, wanted: EventFilter, sequence: int) -> None:
        self.stream = stream
        self.wanted = wanted
        self.sequence = sequence
        self.is_reading = False
        self.told_at = time.monotonic()

    def tell(self, response: WatchEventsResponse) -> None:
        self.told_at = time.monotonic()
        self.stream.put(response.SerializeToString())


class EventWatch:
    """Tells its watchers what happens."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader
        self._watchers: dict[_Watcher, None] = {}
        self._changing = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="events")

    def begin(self, stream: Stream, after: int | None, wanted: EventFilter) -> None:
        """Tell a stream what happened after a place (None: from now on), and all that comes.

        Raises:
            EventsForgotten: Not all events after it are here.
            StoreUnavailable: They can't be read.

        """
        watcher = _Watcher(stream, wanted, self._reader.place(after))
        watcher.tell(WatchEventsResponse(sequence=watcher.sequence))
        with self._changing:
            self._watchers[watcher] = None
        stream.on_over(lambda: self._leave(watcher))

    def tell(self) -> None:
        """Tell all watchers what is new; to be called more than once a second.

        Raises:
            StoreUnavailable: It can't be read.

        """
        with self._changing:
            watchers = [watcher for watcher in self._watchers if not watcher.is_reading]
        if not watchers:
            return
        head = self._reader.head()
        for watcher in watchers:
            if watcher.sequence < head:
                watcher.is_reading = True
                self._readers.submit(self._read, watcher)
            elif time.monotonic() - watcher.told_at > _QUIET_SECONDS:
                watcher.tell(WatchEventsResponse(sequence=watcher.sequence))

    def close(self) -> None:
        """Read no more."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _read(self, watcher: _Watcher) -> None:
        """Tell a watcher the next batch; the one after it is read when this one is taken."""
        try:
            batch = self._reader.after(watcher.sequence, limit=_BATCH)
        except AuthError as error:
            watcher.stream.fail(error)
            return
        wanted = [kept for kept in batch if watcher.wanted.matches(kept.event)]
        watcher.sequence = batch[-1].sequence if batch else watcher.sequence
        go_on = partial(self._go_on, watcher, is_more=len(batch) == _BATCH)
        if not wanted:
            go_on()
            return
        watcher.told_at = time.monotonic()
        response = WatchEventsResponse(events=map(event_message, wanted), sequence=watcher.sequence)
        watcher.stream.put(response.SerializeToString(), then=go_on)

    def _go_on(self, watcher: _Watcher, *, is_more: bool) -> None:
        if is_more:
            self._readers.submit(self._read, watcher)
        else:
            watcher.is_reading = False

    def _leave(self, watcher: _Watcher) -> None:
        with self._changing:
            self._watchers.pop(watcher)
