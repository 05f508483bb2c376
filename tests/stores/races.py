"""Runs calls at the same time."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def at_once(calls: Sequence[Callable[[], _T]]) -> list[_T | Exception]:
    """Call all from threads that start together; give what each returned or raised, in order."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], _T]) -> _T | Exception:
        gate.wait(10)
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
