"""How far an import is: rows sent, their rate, and the time that the rest may take."""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

_T = TypeVar("_T")

_TERMINAL_SECONDS = 0.5
_LOG_SECONDS = 10.0


class Progress:
    """Tells now and then how far it is: in one line of a terminal, else in a line each."""

    def __init__(self, source: TextIO, output: TextIO) -> None:
        self._source = source
        self._output = output
        self._is_terminal = output.isatty()
        self._size = _size(source)
        self._read = 0
        self._sent = 0
        self._started = self._told = time.monotonic()

    def reading(self, lines: Iterable[_T]) -> Iterator[_T]:
        """Count the lines that are read."""
        for line in lines:
            self._read += 1
            yield line

    def add(self, rows: int) -> None:
        """Count rows that have left."""
        self._sent += rows
        now = time.monotonic()
        pause = _TERMINAL_SECONDS if self._is_terminal else _LOG_SECONDS
        if now - self._told >= pause:
            self._told = now
            self._tell(now)

    def end(self) -> None:
        """Leave the line of the terminal."""
        if self._is_terminal:
            self._output.write("\r\033[K")
            self._output.flush()

    def _tell(self, now: float) -> None:
        rate = self._sent / max(now - self._started, 0.001)
        text = f"{self._sent:,} rows sent, {rate:,.0f} a second{self._rest(rate)}"
        self._output.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        self._output.flush()

    def _rest(self, rate: float) -> str:
        """Guess the rest from the bytes that are still to be read, where that is known."""
        if not self._size or not rate:
            return ""
        rows = self._read * self._size / max(self._source.buffer.tell(), 1)
        return f", about {max(rows - self._sent, 0) / rate:,.0f} s to go"


def _size(source: TextIO) -> int:
    status = os.fstat(source.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
