"""The threads that calls are answered in: as many as are needed, and none that is lost."""

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from authsvc.transport.handler_threads import HandlerThreads
from tests.porch.processes import eventually

MOST = 4


@pytest.fixture(name="before", autouse=True)
def _before() -> set[threading.Thread]:
    return set(threading.enumerate())


@pytest.fixture(name="threads")
def _threads() -> Iterator[Executor]:
    yield HandlerThreads(MOST)
    gc.collect()


def new(before: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - before


class Held:
    """Tasks that are under way until they are let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Event()
        self.done = threading.Semaphore(0)

    def __call__(self) -> None:
        self.begun.release()
        self.let_go.wait(30)
        self.done.release()


def test_a_task_gets_all_its_arguments(threads: Executor) -> None:
    got: list[object] = []
    done = threading.Event()

    threads.submit(lambda *args, **kwargs: (got.append((args, kwargs)), done.set()), 1, two=2)

    assert done.wait(10)
    assert got == [((1,), {"two": 2})]


def test_no_task_waits_while_a_thread_may_be_begun(threads: Executor) -> None:
    held = Held()
    for _ in range(MOST):
        threads.submit(held)

    assert all(held.begun.acquire(timeout=10) for _ in range(MOST))
    held.let_go.set()


def test_no_more_threads_than_allowed_and_each_task_has_its_turn(
    threads: Executor, before: set[threading.Thread]
) -> None:
    held = Held()
    for _ in range(3 * MOST):
        threads.submit(held)
    assert all(held.begun.acquire(timeout=10) for _ in range(MOST))

    assert not held.begun.acquire(timeout=0.1)
    assert len(new(before)) == MOST
    held.let_go.set()
    assert all(held.done.acquire(timeout=10) for _ in range(3 * MOST))


def test_an_idle_thread_is_used_before_another_is_begun(
    threads: Executor, before: set[threading.Thread]
) -> None:
    for _ in range(20):
        done = threading.Event()
        threads.submit(done.set)
        assert done.wait(10)
        assert eventually(lambda: threads._idle.qsize() == len(new(before)))  # type: ignore[attr-defined]

    assert len(new(before)) == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_a_task_raises_takes_no_thread_along(
    error: type[BaseException], threads: Executor, before: set[threading.Thread]
) -> None:
    def fail() -> None:
        raise error

    for _ in range(3 * MOST):
        threads.submit(fail)
    done = threading.Event()
    threads.submit(done.set)

    assert done.wait(10)
    assert all(thread.is_alive() for thread in new(before))


def test_a_call_for_which_the_system_has_no_thread_waits_for_one_and_ends_nothing(
    threads: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    done = threading.Semaphore(0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(MOST + 1):
            threads.submit(done.release)

    threads.submit(done.release)
    assert all(done.acquire(timeout=10) for _ in range(MOST + 2))


def test_a_task_is_held_no_longer_than_it_runs(threads: Executor) -> None:
    class Call:
        gone = threading.Event()

        def __call__(self) -> None:
            """Do nothing."""

        def __del__(self) -> None:
            self.gone.set()

    threads.submit(Call())

    assert Call.gone.wait(10)


def test_the_threads_end_with_who_could_give_them_work(before: set[threading.Thread]) -> None:
    threads = HandlerThreads(MOST)
    held = Held()
    for _ in range(MOST):
        threads.submit(held)
    assert all(held.begun.acquire(timeout=10) for _ in range(MOST))

    del threads
    held.let_go.set()

    assert eventually(lambda: not new(before))
    assert all(held.done.acquire(timeout=1) for _ in range(MOST))
