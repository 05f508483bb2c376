"""The open connections: a bounded stack, the last one given back being the first to be taken.

It is as safe as redis-py's own pool, which costs a call as much as sending it does.
"""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from redis.exceptions import RedisError

_Connection = Any
"""redis-py's connections share no typed class."""

_RESTART_SECONDS = 0.01
"""No server that has just answered can be gone and back in less."""


class Pool:
    """Connections that are taken, used by one thread and given back."""

    def __init__(
        self,
        make: Callable[[], _Connection],
        *,
        size: int,
        patience: float,
        rest: float = _RESTART_SECONDS,
    ) -> None:
        """Hold nothing yet.

        Args:
            make: Gives a connection that is not open yet.
            size: How many can be taken at once.
            patience: For how many seconds one may be waited for.
            rest: For how many seconds one may rest and still be taken without a look at it.

        """
        self._make = make
        self._patience = patience
        self._rest = rest
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._places.put(None)
        self._made: list[_Connection] = []
        self._idle: list[tuple[_Connection, float]] = []

    def take(self) -> _Connection:
        """Give an open connection, to be given back with nothing left to read, or closed.

        Raises:
            OSError: All are taken, or none can be opened.
            RedisError: None can be opened.

        """
        try:
            self._places.get(timeout=self._patience)
        except Empty:
            message = "all connections are taken"
            raise TimeoutError(message) from None
        try:
            connection, since = self._idle.pop()
        except IndexError:
            connection, since = self._new(), 0.0
        try:
            if time.monotonic() - since > self._rest and not _is_sound(connection):
                connection.disconnect()
                connection.connect()
        except BaseException:
            self.give_back(connection)
            raise
        return connection

    def give_back(self, connection: _Connection) -> None:
        """Let others take a connection. A closed one is opened again by whoever takes it."""
        since = time.monotonic() if connection.is_connected else 0.0
        self._idle.append((connection, since))
        self._places.put(None)

    def close(self) -> None:
        """Close all connections, also those that are taken."""
        for connection in self._made:
            connection.disconnect()

    def _new(self) -> _Connection:
        connection = self._make()
        self._made.append(connection)
        return connection


def _is_sound(connection: _Connection) -> bool:
    """Whether a connection is open and has nothing to read: neither an answer nor its end."""
    try:
        return connection.is_connected and not connection.can_read()
    except (RedisError, OSError):
        return False
