"""What a session costs Redis (P8), all indices included."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from subprocess import Popen

from redis import Redis

from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, at_most

IDS = ("P8",)

_SESSIONS = 1_000_000
_FEW_SESSIONS = 100_000
_FILLERS = 2


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    count = _FEW_SESSIONS if options.quick else _SESSIONS
    yield _measure(None, count, with_budget=True)
    other = harness.other_redis()
    if other is not None:
        yield _measure(other, count, with_budget=False)


def _measure(binary: str | None, count: int, *, with_budget: bool) -> Result:
    with harness.redis_server(binary, append_only=False) as url, Redis.from_url(url) as redis:
        before = int(redis.info("memory")["used_memory"])
        fill(url, count)
        bytes_per_session = (int(redis.info("memory")["used_memory"]) - before) / count
        server = redis.info("server")
    name, version = harness.server_version(server)
    return Result(
        id="P8",
        name=f"memory of a session in {name} {version.rpartition('.')[0]}",
        value=bytes_per_session,
        unit="bytes",
        yardstick=f"used_memory with {count:,} sessions, one an account, less that without",
        samples=(bytes_per_session,),
        must=at_most(256) if with_budget else None,
    )


def fill(url: str, count: int) -> None:
    """Let some processes open the sessions, each its share."""
    with ExitStack() as stack:
        fillers: list[Popen[str]] = [
            stack.enter_context(
                harness.program(
                    [sys.executable, "-m", "benchmarks.filling", url, str(count // _FILLERS)],
                    core=None,
                )
            )
            for _ in range(_FILLERS)
        ]
        for filler in fillers:
            assert filler.stdout is not None
            opened = json.loads(filler.stdout.readline() or "0")
            if opened != count // _FILLERS:
                raise RuntimeError(f"only {opened} sessions were opened")
