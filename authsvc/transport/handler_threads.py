"""The threads that calls are answered in."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from queue import Empty, SimpleQueue
from typing import Any

from authsvc import telemetry

_log = telemetry.get_logger("authsvc.transport")

_Task = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
_Tasks = SimpleQueue[_Task | None]
_Idle = SimpleQueue[None]


class HandlerThreads(Executor):
    """Threads as `ThreadPoolExecutor` has them, but nobody is told how a task ended.

    An answer goes to who called, not into a future, and a future with its locks costs more than
    many an answer: a tenth of an empty call (docs/decisions/0029-handler-threads.md).
    """

    def __init__(self, most: int) -> None:
        """Begin with none, and have `most` at most."""
        self._most = most
        self._count = 0
        self._counting = threading.Lock()
        self._tasks: _Tasks = SimpleQueue()
        self._idle: _Idle = SimpleQueue()
        # As with `ThreadPoolExecutor`, they end once nobody can submit any more.
        weakref.finalize(self, self._tasks.put, None)

    def submit(self, behaviour: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have something run. None is given, which servers of gRPC know for a call that is over."""
        self._tasks.put((behaviour, args, kwargs))
        try:
            self._idle.get_nowait()
        except Empty:
            self._add_thread()

    def _add_thread(self) -> None:
        with self._counting:
            if self._count == self._most:
                return
            thread = threading.Thread(
                target=_work,
                args=(self._tasks, self._idle),  # not the executor, which would then never go
                name=f"handler_{self._count}",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError:  # it would end the server's own thread; those that are there do
                _log.exception("no thread for a call")
            else:
                self._count += 1


def _work(tasks: _Tasks, idle: _Idle) -> None:
    while (task := tasks.get()) is not None:
        _run(*task)
        del task  # a call ends once nothing holds it
        idle.put(None)
    tasks.put(None)  # for the next thread


def _run(behaviour: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        behaviour(*args, **kwargs)
    except BaseException:  # noqa: BLE001 - the thread is needed for others
        _log.exception("task failed")
