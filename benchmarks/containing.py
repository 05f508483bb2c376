"""How large the image is, and how soon a container serves (K1, K2)."""

import base64
import os
import secrets
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, at_most
from benchmarks.starting import EAGER, is_serving
from tools.container import USER, Engine, EngineMissing, build, container, content, find_engine
from tools.container import run_once as run

IDS = ("K1", "K2")

_MEGABYTE = 1_000_000
_STARTS = 5
_POLL_SECONDS = 0.01


def measure(_: Options) -> Iterator[Result]:
    """Measure the budgets of this group, where there is something that builds images."""
    try:
        engine = find_engine()
    except EngineMissing as missing:
        print(f"K1 and K2 are left out: {missing}", file=sys.stderr)
        return
    build(engine)
    sizes = {path: entry.size for path, entry in content(engine)}
    ours = sum(size for path, size in sizes.items() if path.is_relative_to("/opt"))
    yield Result(
        id="K1",
        name="content of the image",
        value=sum(sizes.values()) / _MEGABYTE,
        unit="MB",
        yardstick="sum of its files",
        must=at_most(200),
    )
    yield Result(
        id="K1",
        name="of it authsvc and its wheels",
        value=ours / _MEGABYTE,
        unit="MB",
        yardstick="files below /opt/authsvc; the rest is Debian's Python",
    )
    times = tuple(_time_starts(engine))
    yield Result(
        id="K2",
        name="container until SERVING, cold",
        value=statistics.median(times),
        unit="s",
        yardstick=f"from `run` of the engine, with its schema there, median of {_STARTS}",
        samples=times,
        must=at_most(3),
    )


def _time_starts(engine: Engine) -> Iterator[float]:
    address = harness.free_address()
    with (
        harness.directory() as data,
        harness.redis_server() as redis_url,
        grpc.insecure_channel(address, options=EAGER) as channel,
    ):
        options = _options(data, redis_url, address)
        done = run(engine, *options, command=("migrate",))
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        for _ in range(_STARTS):
            started = time.perf_counter()
            with container(engine, *options):
                while not is_serving(channel):
                    time.sleep(_POLL_SECONDS)
                yield time.perf_counter() - started


def _options(data: Path, redis_url: str, address: str) -> tuple[str, ...]:
    os.chown(data, USER, USER)
    socket = Path(redis_url.removeprefix("unix://"))
    socket.parent.chmod(0o755)
    socket.chmod(0o777)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return (
        "--network=host",
        f"--volume={data}:/var/lib/authsvc",
        f"--volume={socket.parent}:{socket.parent}",
        f"--env=AUTHSVC_MASTER_KEY={key}",
        f"--env=AUTHSVC_REDIS_URL={redis_url}",
        f"--env=AUTHSVC_LISTEN={address}",
        f"--env=AUTHSVC_HTTP={harness.free_address()}",
        "--env=AUTHSVC_WORKERS=1",
    )
