"""The load generator: a process of its own, told by lines of JSON on standard input.

The first line is the task; each line after it a number of seconds to keep every call slot busy for.
Each run is answered by a line with the calls that ended well in the time, the failed ones, and
how long (s) all but the slowest hundredth took.
"""

import base64
import json
import selectors
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from authn.v1.auth_service_pb2 import RefreshRequest, RefreshResponse

from benchmarks import http1, http2

_PATIENCE = 15.0
_Connection = http1.Connection | http2.Connection


@dataclass(slots=True)
class _Slots:
    """The calls of one connection: what each sends, and which is under way."""

    connection: _Connection
    messages: list[deque[bytes]]
    """What each slot sends, in turn."""
    open: dict[int, tuple[int, float]] = field(default_factory=dict)
    """By stream: the slot, and when its call was sent."""
    seconds: list[float] = field(default_factory=list)
    """How long the calls of a run took."""

    def send(self, slot: int) -> None:
        messages = self.messages[slot]
        self.open[self.connection.send(messages[0])] = slot, time.monotonic()
        messages.rotate(-1)


class Load:
    """Keeps the slots of some connections busy."""

    def __init__(self, task: dict[str, object]) -> None:
        self._chained = bool(task["chained"])
        messages = [
            deque(map(base64.b64decode, texts))
            for texts in task["messages"]  # type: ignore[attr-defined]
        ]
        share = len(messages) // int(str(task["connections"]))
        self._selector = selectors.DefaultSelector()
        self._all: list[_Slots] = []
        for first in range(0, len(messages), share):
            connection = _connect(task)
            slots = _Slots(connection, messages[first : first + share])
            self._selector.register(connection, selectors.EVENT_READ, slots)
            self._all.append(slots)

    def run(self, seconds: float) -> dict[str, float]:
        """Keep every slot busy for so long, then let the open calls end."""
        good = failed = 0
        started = time.monotonic()
        ends = started + seconds
        for slots in self._all:
            slots.seconds.clear()
            for slot in range(len(slots.messages)):
                slots.send(slot)
        while any(slots.open for slots in self._all):
            arrived = self._selector.select(_PATIENCE)
            if not arrived:
                raise TimeoutError("the server has stopped answering")
            for key, _ in arrived:
                in_time = time.monotonic() < ends
                succeeded, lost = self._receive(key.data, again=in_time)
                failed += lost
                good += succeeded if in_time else 0
        taken = sorted(second for slots in self._all for second in slots.seconds)
        p99 = taken[len(taken) * 99 // 100] if taken else 0.0
        return {"calls": good, "failed": failed, "seconds": seconds, "p99": p99}

    def _receive(self, slots: _Slots, *, again: bool) -> tuple[int, int]:
        good = failed = 0
        for stream, answer in slots.connection.receive():
            slot, sent = slots.open.pop(stream)
            slots.seconds.append(time.monotonic() - sent)
            if answer is None:
                failed += 1
            else:
                good += 1
                if self._chained:
                    slots.messages[slot] = deque([_next_refresh(answer)])
            if again:
                slots.send(slot)
        return good, failed


def _connect(task: dict[str, object]) -> _Connection:
    """Speak HTTP/1.1 with whole requests, or gRPC with messages where there is a path."""
    host, _, port = str(task["address"]).rpartition(":")
    path = task["path"]
    if path is None:
        return http1.Connection(host, int(port))
    metadata: Any = task["metadata"]
    return http2.Connection(host, int(port), str(path), metadata)


def _next_refresh(answer: bytes) -> bytes:
    tokens = RefreshResponse.FromString(answer).tokens
    return RefreshRequest(refresh_token=tokens.refresh_token).SerializeToString()


def main() -> None:
    """Read the task and the runs."""
    load = Load(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        print(json.dumps(load.run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
