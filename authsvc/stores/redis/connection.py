"""The connection to Redis: bounded in time, healing by itself, sure of whom it talks to."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any, NoReturn

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from authsvc.domain.tracing import Span, untraced
from authsvc.errors import StoreUnavailable
from authsvc.stores.redis.pool import Pool
from authsvc.stores.redis.trust import Introduction, ServerIdentity, Trust

_SECONDS = 1.0
"""The bound of each wait: for a place in the pool, a connection, an answer."""

_RESTORES = 2
_FENCE_MISMATCH = -1

_Connection = Any
"""redis-py's connections share no typed class."""


class Script:
    """A Lua script, called by its SHA-1 as EVALSHA wants it."""

    def __init__(self, name: str, source: bytes | None = None) -> None:
        """Take the script of this package that has a name, or call what is given so."""
        self.label = f"redis {name}"
        """How a span of it is called."""
        file = resources.files("authsvc.stores.redis") / "scripts" / f"{name}.lua"
        self.source = source or file.read_bytes()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Call:
    """A script and what to run it on. Of a fenced one, `keys` starts with the fence's."""

    script: Script
    keys: Sequence[bytes]
    arguments: Sequence[bytes | str | int] = ()

    def command(self, fence: bytes | None) -> tuple[bytes | str | int, ...]:
        """The EVALSHA, with the fence as the first argument if there is one."""
        first = () if fence is None else (fence,)
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *first, *self.arguments)


class RedisConnection:
    """Runs scripts. Every failure of Redis is StoreUnavailable; nothing is tried twice in silence.

    The server must allow `INFO`, by which a restarted or replaced one is recognised.
    """

    def __init__(self, url: str, *, max_connections: int = 64, span: Span = untraced) -> None:
        """Prepare a pool; nothing is connected yet.

        Args:
            url: `redis://`, `rediss://` or `unix://`, as redis-py reads them.
            max_connections: How many calls can be under way at once; others wait.
            span: Measures each round trip.

        """
        self.trust = Trust()
        self.on_distrust: Callable[[], None] | None = None
        """What makes the server trustworthy again: `FenceKeeper.restore`."""
        self._span = span
        self._introductions: dict[_Connection, Introduction] = {}
        options = ConnectionPool.from_url(
            url,
            socket_connect_timeout=_SECONDS,
            socket_timeout=_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
            redis_connect_func=self._introduce,
        )
        self._pool = Pool(
            lambda: options.connection_class(**options.connection_kwargs),
            size=max_connections,
            patience=_SECONDS,
        )

    def run(self, call: Call) -> Any:
        """Run a fenced script in one round trip, and give its answer.

        Raises:
            StoreUnavailable: Redis does not answer, or can't be trusted and not be made so.

        """
        return self.run_many([call])[0]

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run fenced scripts in one round trip, and give their answers in order.

        If Redis turns out not to be the trusted one, all are run again once it is.

        Raises:
            StoreUnavailable: Redis does not answer, or can't be trusted and not be made so.

        """
        for _ in range(_RESTORES):
            answers = self._exchange(calls, fenced=True)
            if _FENCE_MISMATCH not in answers:
                return answers
            self._restore()
        answers = self._exchange(calls, fenced=True)
        if _FENCE_MISMATCH in answers:
            detail = "redis can't be trusted"
            raise StoreUnavailable(detail)
        return answers

    def run_unfenced(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts that any server may answer, in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer.

        """
        return self._exchange(calls, fenced=False)

    def command(self, *words: str | bytes | int) -> Any:
        """Run one plain command.

        Raises:
            StoreUnavailable: Redis does not answer, or refuses.

        """
        with self._taken() as connection:
            return _answers(connection, [words])[0]

    def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            StoreUnavailable: There is none.

        """
        self.command("PING")

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _exchange(self, calls: Sequence[Call], *, fenced: bool) -> list[Any]:
        if not calls:
            return []
        with self._span(_label(calls), system="redis"), self._taken() as connection:
            fence = self.trust.meet(self._introductions[connection].identity)
            if fenced and fence is None:
                return [_FENCE_MISMATCH]
            first = fence if fenced else None
            answers = _answers(connection, [call.command(first) for call in calls], lenient=True)
            cold = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if cold:
                scripts = {calls[n].script.source for n in cold}
                _answers(connection, [("SCRIPT", "LOAD", source) for source in scripts])
                again = _answers(connection, [calls[n].command(first) for n in cold])
                for n, answer in zip(cold, again, strict=True):
                    answers[n] = answer
            return answers

    @contextmanager
    def _taken(self) -> Iterator[_Connection]:
        """A connection that no half-read answer is left on, whatever happens."""
        connection = None
        try:
            connection = self._pool.take()
            if not self.trust.is_current(self._introductions[connection]):
                connection.disconnect()
                connection.connect()
            yield connection
        except (RedisError, OSError) as error:
            if connection is not None:
                # A server that refuses may be a demoted one: the next call finds out anew.
                connection.disconnect()
            _refuse(error)
        except BaseException:
            if connection is not None:
                connection.disconnect()
            raise
        finally:
            if connection is not None:
                self._pool.give_back(connection)

    def _introduce(self, connection: _Connection) -> None:
        connection.on_connect()
        connection.send_command("INFO", "server", "replication", check_health=False)
        found = dict(re.findall(rb"(run_id|master_replid):(\w+)", connection.read_response()))
        identity = ServerIdentity(found.get(b"run_id", b""), found.get(b"master_replid", b""))
        self._introductions[connection] = self.trust.introduce(identity)

    def _restore(self) -> None:
        if self.on_distrust is None:
            detail = "redis is not trusted yet"
            raise StoreUnavailable(detail)
        self.on_distrust()


def _label(calls: Sequence[Call]) -> str:
    if len(calls) == 1:
        return calls[0].script.label
    return " + ".join(dict.fromkeys(call.script.label for call in calls))


def _answers(
    connection: _Connection, commands: Sequence[Sequence[Any]], *, lenient: bool = False
) -> list[Any]:
    """Send commands together and read every answer, raising the first error at the end.

    Args:
        connection: Where to.
        commands: What to send.
        lenient: Give NOSCRIPT errors as answers.

    """
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(connection.read_response())
        except RedisError as error:
            if not connection.is_connected:
                raise
            answers.append(error)
    for answer in answers:
        if isinstance(answer, RedisError) and not (lenient and isinstance(answer, NoScriptError)):
            raise answer
    return answers


def _refuse(error: Exception) -> NoReturn:
    """Say what kind of failure it was; the text of the error could hold keys and addresses."""
    detail = f"redis does not answer as it should: {type(error).__name__}"
    raise StoreUnavailable(detail) from None
