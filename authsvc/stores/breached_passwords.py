"""Breached passwords in files that an operator provides; nothing is loaded from the network.

Either one file with a line `SHA1` or `SHA1:COUNT` for each password, sorted, or a directory with a
file for each of the 2^20 prefixes of five digits, `00000` or `00000.txt`, whose sorted lines leave
the prefix out: the two forms in which Have I Been Pwned is published. A count of 0 is padding.
A look-up reads a few bytes some thirty times, whatever the size, and keeps nothing open, so that
the files may be replaced. They are read and not mapped into memory, because a mapped file that
shrinks kills the process.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from authsvc.errors import StoreUnavailable

_DIGITS = 40
_PREFIX = 5
_LONGEST_LINE = 64
_SAMPLES = 256
_LINE = re.compile(rb"([0-9A-Fa-f]+)(?::([0-9]+))?\r?")


class BreachListDamaged(Exception):
    """A file is not what it should be; the text says how, after the file's name."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file; `end` is where the next one begins."""

    digits: bytes
    is_padding: bool
    start: int
    end: int


class FileBreachList:
    """A `BreachList`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def contains(self, sha1: bytes) -> bool:
        """Say whether a password with this SHA-1 is known; see `BreachList.contains`."""
        digits = sha1.hex().upper()
        try:
            if self._path.is_dir():
                return _holds(self._range(digits[:_PREFIX]), digits[_PREFIX:])
            return _holds(self._path, digits)
        except (OSError, BreachListDamaged) as error:
            detail = f"the list of breached passwords: {_describe(error)}"
            raise StoreUnavailable(detail) from None

    def check(self) -> None:
        """Look at the form of the files, as far as that takes no time.

        Raises:
            BreachListDamaged: A file can't be read, is empty, of another form, or not sorted.

        """
        try:
            if self._path.is_dir():
                for prefix in ("00000", "7FFFF", "FFFFF"):
                    _check(self._range(prefix), _DIGITS - _PREFIX)
            else:
                _check(self._path, _DIGITS)
        except OSError as error:
            raise BreachListDamaged(_describe(error)) from None

    def _range(self, prefix: str) -> Path:
        bare = self._path / prefix
        return bare if bare.exists() else bare.with_suffix(".txt")


def _holds(path: Path, digits: str) -> bool:
    """Search by halves for the line of a hash."""
    wanted = digits.encode()
    with _opened(path) as (file, size):
        low, high = 0, size  # where the line begins, if there is one
        while low < high:
            line = _line_at(file, (low + high) // 2, len(wanted))
            if line.digits == wanted:
                return not line.is_padding
            low, high = (line.end, high) if line.digits < wanted else (low, line.start)
    return False


def _check(path: Path, digits: int) -> None:
    with _opened(path) as (file, size):
        if size == 0:
            raise BreachListDamaged(f"{path.name} is empty")
        places = sorted({size * n // _SAMPLES for n in range(_SAMPLES)} | {size - 1})
        lines = [_line_at(file, place, digits).digits for place in places]
    if any(before > after for before, after in pairwise(lines)):
        raise BreachListDamaged(f"{path.name} is not sorted by hash")


def _line_at(file: int, place: int, digits: int) -> _Line:
    """Read the line to which the byte at a place belongs."""
    begin = max(0, place - _LONGEST_LINE)
    around = os.pread(file, 2 * _LONGEST_LINE, begin)
    if len(around) <= place - begin:  # and the search would not end
        raise BreachListDamaged("a file became shorter while it was read")
    start = around.rfind(b"\n", 0, place - begin) + 1
    end = around.find(b"\n", place - begin)
    end = len(around) if end < 0 else end
    form = _LINE.fullmatch(around, start, end)
    if form is None or len(form[1]) != digits:
        raise BreachListDamaged(f"a line is not a SHA-1 of {digits} hexadecimal digits")
    return _Line(
        digits=form[1].upper(),
        is_padding=form[2] is not None and int(form[2]) == 0,
        start=begin + start,
        end=begin + end + 1,
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int]]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file, os.fstat(file).st_size
    finally:
        os.close(file)


def _describe(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{Path(error.filename or '').name} can't be read: {error.strerror}"
    return str(error)
