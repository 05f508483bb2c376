"""A channel that plays the feed of a vector to whoever calls, and knows when it was all taken."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from authn.v1.token_pb2 import JsonWebKey
from authn.v1.token_service_pb2 import (
    GetJwksResponse,
    WatchKeysResponse,
    WatchRevocationsRequest,
    WatchRevocationsResponse,
)

_SERVICE = "/authn.v1.TokenService/"


class _Stream:
    """The answers to a call; after the last one it stays open until it is cancelled."""

    def __init__(self, answers: Sequence[Any], *, stay: bool, taken: Callable[[], None]) -> None:
        self._answers = answers
        self._stay = stay
        self._taken = taken
        self._cancelled = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        yield from self._answers
        self._taken()
        if self._stay:
            self._cancelled.wait()

    def cancel(self) -> None:
        self._cancelled.set()


class Script:
    """Stands in for a `grpc.Channel`: each call of WatchRevocations gets the next list of pieces."""

    def __init__(
        self, keys: Sequence[JsonWebKey], calls: Sequence[Sequence[WatchRevocationsResponse]]
    ) -> None:
        self.over = threading.Event()
        """All pieces were taken or refused."""
        self.asked_after: list[int] = []
        self._keys = keys
        self._calls = calls

    def unary_stream(self, path: str, **_: Any) -> Callable[..., _Stream]:
        return {
            f"{_SERVICE}WatchRevocations": self._revocations,
            f"{_SERVICE}WatchKeys": self._key_sets,
        }[path]

    def unary_unary(self, path: str, **_: Any) -> Callable[..., GetJwksResponse]:
        return lambda *_, **__: GetJwksResponse(keys=self._keys)

    def _key_sets(self, *_: Any, **__: Any) -> _Stream:
        return _Stream([WatchKeysResponse(keys=self._keys)], stay=True, taken=lambda: None)

    def _revocations(self, request: WatchRevocationsRequest, **_: Any) -> _Stream:
        self.asked_after.append(request.after_revision)
        number = len(self.asked_after)
        is_last = number >= len(self._calls)
        if number > len(self._calls):  # the last call was refused
            self.over.set()
            return _Stream([], stay=True, taken=self.over.set)
        taken = self.over.set if is_last else lambda: None
        return _Stream(self._calls[number - 1], stay=is_last, taken=taken)
