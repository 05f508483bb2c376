"""How soon it is there, and how little it takes when idle (P11)."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, at_most

IDS = ("P11",)

_HELP_RUNS = 7
_WARM_STARTS = 3
_POLL_SECONDS = 0.01


def measure(_: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    helps = tuple(_time_help() for _ in range(_HELP_RUNS))
    yield Result(
        id="P11",
        name="authsvc --help",
        value=statistics.median(helps),
        unit="s",
        yardstick=f"wall clock, median of {_HELP_RUNS}",
        samples=helps,
        must=at_most(0.3),
    )
    with harness.directory() as data:
        _time_start(data)
        starts = tuple(_time_start(data) for _ in range(_WARM_STARTS))
        yield Result(
            id="P11",
            name="authsvc up until SERVING, warm",
            value=statistics.median(starts),
            unit="s",
            yardstick=f"health check asked every 10 ms, median of {_WARM_STARTS}",
            samples=starts,
            must=at_most(2),
        )
        yield from _measure_memory(data)


def _time_help() -> float:
    program = str(Path(sys.executable).with_name("authsvc"))
    started = time.perf_counter()
    subprocess.run([program, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _time_start(data: Path) -> float:
    """Start in dev mode on fixed ports, as a developer does; give the time until SERVING."""
    listen, http = harness.free_address(), harness.free_address()
    command = [sys.executable, "-m", "authsvc.cli", "up", "--data", str(data)]
    with grpc.insecure_channel(listen, options=EAGER) as channel:
        started = time.perf_counter()
        with harness.program([*command, "--listen", listen, "--http", http], core=None):
            while not is_serving(channel):
                time.sleep(_POLL_SECONDS)
            return time.perf_counter() - started


EAGER = (
    ("grpc.initial_reconnect_backoff_ms", 10),
    ("grpc.min_reconnect_backoff_ms", 10),
    ("grpc.max_reconnect_backoff_ms", 10),
)
"""Of a channel that notices a server as soon as it is there."""


def is_serving(channel: grpc.Channel) -> bool:
    """Say whether the server at the other end of a channel serves."""
    health = health_pb2_grpc.HealthStub(channel)
    try:
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _measure_memory(data: Path) -> Iterator[Result]:
    with harness.service(data) as service:
        resident = harness.idle_memory_of(service)
        proportional = harness.memory_of(service.worker, "Pss")
    yield Result(
        id="P11",
        name="idle worker, resident",
        value=resident,
        unit="MB",
        yardstick="VmRSS, two seconds after its first call",
        samples=(resident,),
        must=at_most(120),
    )
    yield Result(
        id="P11",
        name="idle worker, proportional share",
        value=proportional,
        unit="MB",
        yardstick="Pss: pages that workers share count in parts",
        samples=(proportional,),
    )
