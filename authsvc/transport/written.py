"""Answers that stay the same while a token lives are written out once and kept as bytes."""

from collections.abc import Callable

from google.protobuf.message import Message

from authsvc.verify.claims import Claims

_CAPACITY = 20_000
"""Kept answers at most: as many as the token cache holds, some 300 bytes each."""


class Written:
    """Keeps what a writer made of a token's claims, for as long as these claims are in use.

    Protobuf joins messages when their bytes are joined, so that an answer may be made of a kept
    part and a part of its own. Two claims are the same when they are one object: the token cache
    gives the same one for the same token.
    """

    def __init__(self, write: Callable[[Claims], Message]) -> None:
        self._write = write
        self._kept: dict[int, tuple[Claims, bytes]] = {}

    def of(self, claims: Claims) -> bytes:
        """Give the bytes of what the writer makes of these claims."""
        kept = self._kept.get(id(claims))
        if kept is not None and kept[0] is claims:
            return kept[1]
        written = self._write(claims).SerializeToString()
        if len(self._kept) >= _CAPACITY:
            self._kept = {}
        self._kept[id(claims)] = claims, written
        return written


class Latest:
    """Keeps what a writer made of a number that changes seldom."""

    def __init__(self, write: Callable[[int], Message]) -> None:
        self._write = write
        self._kept: tuple[int, bytes] | None = None

    def of(self, number: int) -> bytes:
        """Give the bytes of what the writer makes of it."""
        kept = self._kept
        if kept is None or kept[0] != number:
            kept = self._kept = number, self._write(number).SerializeToString()
        return kept[1]


def serialize(answer: Message | bytes) -> bytes:
    """Give the bytes of an answer; bytes are taken as written."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()
