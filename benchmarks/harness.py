"""The processes that a benchmark needs: each pinned, each gone when the benchmark is.

The server under test has the first core to itself; what loads it, and Redis, have the second.
"""

import base64
import contextlib
import ctypes
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc
from authn.v1.account_service_pb2 import GetPasswordPolicyRequest
from authn.v1.account_service_pb2_grpc import AccountServiceStub
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from google.protobuf.message import Message
from redis import Redis
from redis.exceptions import RedisError

from authsvc.embedded import find_server

SERVER_CORE, LOAD_CORE = (*sorted(os.sched_getaffinity(0)), 0)[:2]
PASSWORD = "violet kettle orbits 47 moons"

_PR_SET_PDEATHSIG = 1
_PATIENCE = 30.0
_SETTLE_SECONDS = 2.0
_CONNECTIONS, _CONCURRENCY = 4, 8
SLOTS = _CONNECTIONS * _CONCURRENCY
"""How many calls are under way at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How thoroughly to measure."""

    quick: bool = False

    @property
    def rounds(self) -> int:
        """How often a pair is measured."""
        return 3 if self.quick else 7

    @property
    def seconds(self) -> float:
        """How long one run of a pair takes."""
        return 1.0 if self.quick else 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running `authsvc up` with one worker."""

    address: str
    worker: int
    """The process id of the worker."""
    start_seconds: float
    """From its start until the health check said SERVING."""


@contextmanager
def program(
    command: Sequence[str], *, core: int | None, **variables: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program on a core, with pipes to talk to it; it is dead afterwards."""

    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})

    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("AUTHSVC_", "PROMETH"))}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("BENCHMARK_STDERR") else subprocess.DEVNULL,
        text=True,
        env={**inherited, **variables},
        preexec_fn=prepare,  # noqa: PLW1509 - sets two flags
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def directory() -> Iterator[Path]:
    """A directory for the time of a benchmark, its name short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        yield Path(name)


@contextmanager
def redis_server(
    binary: str | None = None, *, core: int | None = None, append_only: bool = True
) -> Iterator[str]:
    """Run a server of the benchmark's own, by default Valkey; give its URL."""
    with directory() as data:
        options = ["--port", "0", "--unixsocket", f"{data}/s", "--dir", str(data), "--save", ""]
        options += ["--appendonly", "yes" if append_only else "no"]
        with program([binary or find_server(), *options], core=core):
            url = f"unix://{data}/s"
            _await_redis(url)
            yield url


def other_redis() -> str | None:
    """Give the program of a Redis server beside the embedded Valkey, if there is one."""
    return shutil.which("redis-server")


def _await_redis(url: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        with contextlib.suppress(RedisError), Redis.from_url(url) as client:
            client.ping()
            return
        time.sleep(0.02)
    raise TimeoutError("the Redis server did not start")


@contextmanager
def service(data: Path, *, core: int | None = SERVER_CORE, **settings: str) -> Iterator[Service]:
    """Run `authsvc up` with one worker. Settings are those of the configuration."""
    variables = {f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "authsvc.cli", "up", "--data", str(data)]
    command += ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    started = time.perf_counter()
    with program(command, core=core, **{"AUTHSVC_WORKERS": "1", **variables}) as process:
        assert process.stdout is not None
        address = _read_address(process.stdout)
        yield Service(
            address=address,
            worker=_worker_of(process.pid),
            start_seconds=time.perf_counter() - started,
        )


def _read_address(output: IO[str]) -> str:
    for line in output:
        found = re.search(r"SERVING on ([0-9.:]+)", line)
        if found:
            return found[1]
    raise RuntimeError("authsvc did not start; BENCHMARK_STDERR=1 shows why")


def _worker_of(supervisor: int) -> int:
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii")
    for child in map(int, children.split()):
        if "authsvc" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8"):
            return child
    raise RuntimeError("the worker has ended")


@contextmanager
def yardstick_server(form: str, redis_url: str) -> Iterator[str]:
    """Run a form of the yardstick server; give its address."""
    command = [sys.executable, "-m", "benchmarks.yardstick_server", form, redis_url]
    with (
        directory() as metrics,
        program(command, core=SERVER_CORE, PROMETHEUS_MULTIPROC_DIR=str(metrics)) as process,
    ):
        assert process.stdout is not None
        yield process.stdout.readline().strip()


class LoadGenerator:
    """A process that keeps a server busy."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def calls_per_second(self, seconds: float) -> float:
        """Load the server for a while and give the rate.

        Raises:
            RuntimeError: Calls failed: the rate would mean nothing.

        """
        answer = self._run(seconds)
        return answer["calls"] / answer["seconds"]

    def p99(self, seconds: float) -> float:
        """Load the server for a while; say within how many seconds 99 of 100 calls ended.

        Raises:
            RuntimeError: Calls failed.

        """
        return self._run(seconds)["p99"]

    def rate_and_p99(self, seconds: float) -> tuple[float, float]:
        """Load the server for a while; give the rate, and what `p99` gives.

        Raises:
            RuntimeError: Calls failed.

        """
        answer = self._run(seconds)
        return answer["calls"] / answer["seconds"], answer["p99"]

    def _run(self, seconds: float) -> dict[str, float]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(seconds), file=stdin, flush=True)
        answer = json.loads(stdout.readline() or '{"failed": -1}')
        if answer["failed"]:
            raise RuntimeError(f"{answer['failed']} calls failed")
        return answer  # type: ignore[no-any-return]


@contextmanager
def load(
    address: str,
    path: str,
    messages: Sequence[Message],
    *,
    chained: bool = False,
    slots: int = SLOTS,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[LoadGenerator]:
    """Run a load generator.

    Args:
        address: The server.
        path: The method.
        messages: The requests, used in turn.
        chained: Whether a slot's next request carries the refresh token of its last answer.
        slots: How many calls are under way at once.
        metadata: What each call carries.

    """
    encoded = [base64.b64encode(message.SerializeToString()).decode() for message in messages]
    task = {
        "address": address,
        "path": path,
        "metadata": metadata or {},
        "connections": min(_CONNECTIONS, slots),
        "chained": chained,
        "messages": [
            encoded[slot::slots] or [encoded[slot % len(encoded)]] for slot in range(slots)
        ],
    }
    with load_generator(task) as generator:
        yield generator


@contextmanager
def load_generator(task: Mapping[str, object]) -> Iterator[LoadGenerator]:
    """Run `load` with its task."""
    with program([sys.executable, "-m", "benchmarks.load"], core=LOAD_CORE) as process:
        assert process.stdin is not None
        print(json.dumps(task), file=process.stdin, flush=True)
        yield LoadGenerator(process)


@dataclass(frozen=True, slots=True)
class Stubs:
    """Calls for preparing what is measured."""

    auth: AuthServiceStub
    account: AccountServiceStub


@contextmanager
def stubs(address: str) -> Iterator[Stubs]:
    """Connect to the service."""
    with grpc.insecure_channel(address) as channel:
        yield Stubs(AuthServiceStub(channel), AccountServiceStub(channel))


def access_token(address: str) -> str:
    """Register an account and give its access token."""
    request = RegisterRequest(
        username=f"u{secrets.token_hex(8)}", password=PASSWORD, scopes=["orders:read"]
    )
    with stubs(address) as given:
        return given.auth.Register(request).tokens.access_token


def idle_memory_of(service: Service) -> float:
    """Give what a worker takes, in MB, that has been called once and then left alone.

    The first call, whatever it is, touches 9 MB that the supervisor had only loaded.
    """
    with stubs(service.address) as given:
        given.account.GetPasswordPolicy(GetPasswordPolicyRequest())
    time.sleep(_SETTLE_SECONDS)
    return memory_of(service.worker, "VmRSS")


def memory_of(pid: int, field: str) -> float:
    """Give in MB a field of a process's `status` (VmRSS, VmHWM) or `smaps_rollup` (Pss)."""
    source = "smaps_rollup" if field == "Pss" else "status"
    text = Path(f"/proc/{pid}/{source}").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s+([0-9]+) kB", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {field} in {source}")
    return int(found[1]) * 1024 / 1e6


def free_address() -> str:
    """Give a loopback address that nothing listened on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def server_version(info: Mapping[str, object]) -> tuple[str, str]:
    """Give the name and version of a Redis server from its INFO."""
    if "valkey_version" in info:
        return "Valkey", str(info["valkey_version"])
    return "Redis", str(info["redis_version"])
