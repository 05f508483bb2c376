"""Hashes in a queue: who is refused, and when those that are done are told."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from authsvc.domain import hashing_queue
from authsvc.domain.hashing_queue import NICENESS, HashingQueue
from authsvc.errors import DeadlineExceeded, Overloaded

PATIENCE = timedelta(seconds=30)
UNTOLD_SECONDS = 0.2
"""How long is looked whether something is told that should not be."""


class Clock:
    """Stands for the module `time`; hashes move it on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(hashing_queue, "time", clock)
    return clock


class Storm:
    """Callers that have their passwords hashed at once: the first hash ends when all are there."""

    def __init__(self, callers: ThreadPoolExecutor) -> None:
        self._lengths = threading.Condition()
        self._longest = 0
        self.queue = HashingQueue(on_length=self._note)
        self.queue.run(lambda: None, time_left=PATIENCE)  # what was before must not matter
        self._longest = 0
        self._callers = callers

    def call(self, work: Callable[[], object]) -> "Future[object]":
        """Have something hashed, after what was called for before."""
        before = self._longest
        answer = self._callers.submit(self.queue.run, work, time_left=PATIENCE)
        self.await_length(before + 1)
        return answer

    def await_length(self, length: int) -> None:
        """Wait until so many have been in the queue at once."""
        with self._lengths:
            assert self._lengths.wait_for(lambda: self._longest >= length, timeout=30)

    def _note(self, length: int) -> None:
        with self._lengths:
            self._longest = max(self._longest, length)
            self._lengths.notify_all()


@contextmanager
def storm() -> Iterator[Storm]:
    with ThreadPoolExecutor(8) as callers:
        made = Storm(callers)
        yield made
        made.queue.close()


def is_told_during_the_next(seconds: float, waiting: int, clock: Clock) -> bool:
    """Say whether a hash that took so long is told before the next one ends.

    Args:
        seconds: How long the hash takes.
        waiting: How many wait when it ends.
        clock: What it is measured by.

    """
    told, seen = threading.Event(), Future[bool]()
    with storm() as calls:
        clock.now += 10

        def first() -> None:
            calls.await_length(1 + waiting)
            clock.now += seconds

        def second() -> None:
            seen.set_result(told.wait(UNTOLD_SECONDS))

        calls.call(first).add_done_callback(lambda _: told.set())
        calls.call(second)
        for _ in range(waiting - 1):
            calls.call(lambda: None)
        return seen.result(timeout=30)


def test_a_result_is_told_and_what_the_work_raises_is_raised() -> None:
    def fail() -> None:
        raise LookupError

    queue = HashingQueue()
    assert queue.run(lambda: "hash", time_left=PATIENCE) == "hash"
    with pytest.raises(LookupError):
        queue.run(fail, time_left=PATIENCE)
    assert queue.run(lambda: "next", time_left=PATIENCE) == "next"
    queue.close()


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_hashing_has_a_low_priority() -> None:
    queue = HashingQueue()
    assert sys.platform != "linux" or queue.run(_niceness, time_left=PATIENCE) == NICENESS
    queue.close()


def test_a_process_of_still_lower_priority_hashes_too() -> None:
    def hash_in_nicer_thread() -> int:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS + 5)
        queue = HashingQueue()  # its thread begins with the niceness of this one
        niceness = queue.run(_niceness, time_left=PATIENCE)
        queue.close()
        return niceness

    with ThreadPoolExecutor(1) as nicer:
        niceness = nicer.submit(hash_in_nicer_thread).result(timeout=30)
    assert sys.platform != "linux" or niceness == NICENESS + 5


def test_while_two_more_wait_a_result_is_held(clock: Clock) -> None:
    assert not is_told_during_the_next(0.016, 2, clock)


def test_while_fewer_wait_a_result_is_told_at_once(clock: Clock) -> None:
    assert is_told_during_the_next(0.016, 1, clock)


def test_no_result_is_held_for_longer_than_a_tenth_of_a_second(clock: Clock) -> None:
    assert is_told_during_the_next(0.9, 2, clock)


def test_no_result_is_held_past_its_callers_deadline(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing_queue, "_LONGEST_HELD", 1e6)
    assert is_told_during_the_next(PATIENCE.total_seconds() - 1, 2, clock)
    clock.now = 0.0
    assert not is_told_during_the_next(1, 2, clock)


def test_all_that_are_held_are_told_together(clock: Clock) -> None:
    with storm() as calls:

        def first() -> str:
            calls.await_length(4)
            clock.now += 0.001
            return "0"

        answers = [calls.call(first)]
        answers += [calls.call(lambda text=text: text) for text in "123"]
        assert [answer.result(timeout=30) for answer in answers] == ["0", "1", "2", "3"]


def test_who_finds_the_queue_full_is_refused_and_nothing_is_hashed() -> None:
    goes_on = threading.Event()
    shed: list[None] = []
    lengths: list[int] = []
    queue = HashingQueue(limit=1, on_length=lengths.append, on_shed=lambda: shed.append(None))
    with ThreadPoolExecutor(2) as callers:
        answers = [callers.submit(queue.run, goes_on.wait, time_left=PATIENCE) for _ in range(2)]
        while max(lengths, default=0) < 2:
            goes_on.wait(0.001)
        with pytest.raises(Overloaded):
            queue.run(pytest.fail, time_left=PATIENCE)
        with pytest.raises(Overloaded):
            queue.check_room(time_left=PATIENCE)
        goes_on.set()
        assert all(answer.result(timeout=30) for answer in answers)
    queue.close()
    assert len(shed) == 2
    assert lengths[-1] == 0


def test_who_has_no_time_for_those_before_is_refused(clock: Clock) -> None:
    def slow() -> None:
        clock.now += 80

    goes_on = threading.Event()
    queue = HashingQueue()
    queue.run(slow, time_left=timedelta(seconds=100))  # 10 s each, by the running mean
    with ThreadPoolExecutor(1) as callers:
        under_way = callers.submit(queue.run, goes_on.wait, time_left=PATIENCE)
        while not under_way.running():
            goes_on.wait(0.001)
        with pytest.raises(Overloaded) as refusal:
            while True:  # until the caller's thread has come to the queue
                queue.check_room(time_left=timedelta(seconds=9))
        assert refusal.value.retry_after == timedelta(seconds=10)
        goes_on.set()
        assert under_way.result(timeout=30)
    queue.close()


def test_who_goes_away_keeps_the_place_until_the_hash_is_done() -> None:
    goes_on = threading.Event()
    lengths: list[int] = []
    queue = HashingQueue(on_length=lengths.append)
    with pytest.raises(DeadlineExceeded):
        queue.run(goes_on.wait, time_left=timedelta(milliseconds=10))
    assert lengths == [1]
    goes_on.set()
    queue.close()
    assert lengths == [1, 0]
