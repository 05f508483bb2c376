"""WatchKeys: the published keys, told to all watchers at once."""

import threading

from authn.v1.token_service_pb2 import WatchKeysResponse

from authsvc.domain.clock import Clock
from authsvc.domain.keys import Keys
from authsvc.transport.messages import json_web_key, timestamp
from authsvc.transport.streams import Stream


class KeyWatch:
    """Tells its watchers the keys."""

    def __init__(self, *, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._watchers: dict[Stream, None] = {}
        self._telling = threading.Lock()

    def begin(self, stream: Stream) -> None:
        """Tell a stream the keys, now and whenever the others are told."""
        with self._telling:
            self._watchers[stream] = None
            stream.put(self._write())
        stream.on_over(lambda: self._leave(stream))

    def tell(self) -> None:
        """Tell all watchers; to be called when the keys change, and more than every 5 seconds."""
        with self._telling:
            response = self._write()
            for stream in self._watchers:
                stream.put(response)

    def _leave(self, stream: Stream) -> None:
        with self._telling:
            self._watchers.pop(stream)

    def _write(self) -> bytes:
        server_time = timestamp(self._clock())
        keys = map(json_web_key, self._keys.published())
        return WatchKeysResponse(keys=keys, server_time=server_time).SerializeToString()
