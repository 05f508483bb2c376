"""The queue of the thread that hashes, so that a storm of logins delays nothing but logins.

The thread has a low priority and the queue an end. A place in it belongs to the hash and not to the
request: a caller that goes away frees nothing, and cannot multiply the work.

A hash sweeps the processor's caches, and what a login does next then costs three times as much. So
while others wait, results are held back for a moment and told together, and their logins go on one
after the other in caches that the first has filled (docs/decisions/0030-hashes-told-together.md).
"""

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NoReturn, TypeVar

from authsvc.errors import DeadlineExceeded, Overloaded

_T = TypeVar("_T")
_Work = Callable[[], _T]
_Told = SimpleQueue[_Work[_T]]
"""Gets what gives the result, or raises what was raised."""
_Task = tuple[_Work[Any], _Told[Any], float]
"""What to do, whom to tell, and until when that is of use."""

NICENESS = 10
"""Keeps nine tenths of the verify rate while every core hashes."""

_LONGEST_HELD = 0.1
"""Seconds that a result is held back, but for the end of the hash that is under way then."""

_FEWEST_WAITING = 2
"""Hashes that wait while results are held: with fewer the thread would run out of work when the
logins go on, and wait for them in turn."""

_LEAST_RETRY = timedelta(milliseconds=100)


class HashingQueue:
    """Runs one hash at a time; threads may share it."""

    def __init__(
        self,
        *,
        limit: int = 12,
        on_length: Callable[[int], None] = lambda _: None,
        on_shed: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin the thread.

        Args:
            limit: How many hashes may wait.
            on_length: Is told how many run or wait.
            on_shed: Is told of each that was refused.

        """
        self._limit = limit
        self._on_length = on_length
        self._on_shed = on_shed
        self._length = 0
        self._lock = threading.Lock()
        self._seconds_per_hash = 0.0
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        # These are the thread's own.
        self._held: list[tuple[_Told[Any], _Work[Any]]] = []
        self._tell_by = math.inf
        self._thread = threading.Thread(target=self._work, name="hashing", daemon=True)
        self._thread.start()

    def run(self, work: _Work[_T], *, time_left: timedelta) -> _T:
        """Have something hashed and give what came of it.

        Raises:
            Overloaded: The queue is full or the time would not do; nothing was hashed.
            DeadlineExceeded: The time is up.

        """
        patience = time_left.total_seconds()
        told: _Told[_T] = SimpleQueue()
        with self._lock:
            self._check_room(time_left)
            self._change_length(+1)
        self._tasks.put((work, told, time.monotonic() + patience))
        try:
            outcome = told.get(timeout=max(0.0, patience))
        except Empty:
            raise DeadlineExceeded from None
        return outcome()

    def check_room(self, *, time_left: timedelta) -> None:
        """Refuse early what `run` would refuse now, so that it costs no store anything.

        Raises:
            Overloaded: The queue is full or the time would not do.

        """
        with self._lock:
            self._check_room(time_left)

    def close(self) -> None:
        """Finish what is being hashed and stop."""
        self._tasks.put(None)
        self._thread.join()

    def _check_room(self, time_left: timedelta) -> None:
        wait = timedelta(seconds=self._length * self._seconds_per_hash)
        if self._length > self._limit or wait > time_left:
            self._on_shed()
            detail = "the hashing queue is full or too slow for the deadline"
            raise Overloaded(detail, retry_after=max(wait, _LEAST_RETRY))

    def _change_length(self, by: int) -> None:
        self._length += by
        self._on_length(self._length)

    def _work(self) -> None:
        _lower_priority()
        while (task := self._tasks.get()) is not None:
            self._hash(*task)
            del task  # it holds a password

    def _hash(self, work: _Work[_T], told: _Told[_T], given_up: float) -> None:
        started = time.monotonic()
        self._held.append((told, _outcome(work)))
        ended = time.monotonic()
        self._seconds_per_hash += (ended - started - self._seconds_per_hash) / 8
        self._tell_by = min(self._tell_by, given_up, ended + _LONGEST_HELD)
        with self._lock:
            self._change_length(-1)
            waiting = self._length
        if waiting < _FEWEST_WAITING or ended + self._seconds_per_hash > self._tell_by:
            self._tell_all()

    def _tell_all(self) -> None:
        held, self._held, self._tell_by = self._held, [], math.inf
        for told, outcome in held:
            told.put(outcome)


def _outcome(work: _Work[_T]) -> _Work[_T]:
    """Do the work; give what gives its result, or raises what it has raised."""
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - whoever waits raises it
        return partial(_raise, error)
    return lambda: result


def _raise(error: BaseException) -> NoReturn:
    raise error


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own to lower
        this = os.PRIO_PROCESS, threading.get_native_id()
        # A process that is nicer already may not be less so, and would be left without the thread.
        os.setpriority(*this, max(NICENESS, os.getpriority(*this)))
