"""Whoever collects traces may be slow, dead or lost: no call waits for them, and no log fills."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.token_service_pb2 import GetJwksRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.faults.outage import seconds_until
from tests.faults.process_tree import Tree, tree
from tests.porch.processes import children_of, eventually, exists
from tests.service import PASSWORD, Service, running
from tests.stores.hot.servers import valkey
from tests.tracing.collector import collecting
from tests.transport.logged import logged

_ROOT = Path(__file__).parents[2]
_CALLS = 300
_FLUSH_SECONDS = 1.0


@pytest.fixture(name="impatient", autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans are sent at once, in small batches, and give up soon."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")


@pytest.fixture(name="silent")
def _silent() -> Iterator[str]:
    """Where a connection is taken and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def closed() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def slowest_call(service: Service) -> float:
    """Make calls, all of which must be answered; give the seconds of the slowest."""
    took = []
    for _ in range(_CALLS):
        began = time.monotonic()
        service.token.GetJwks(GetJwksRequest(), timeout=10)
        took.append(time.monotonic() - began)
    return max(took)


@pytest.mark.parametrize("is_silent", [False, True], ids=["dead", "silent"])
def test_a_collector_that_does_not_take_traces_costs_no_call_and_is_told_of_once(
    transport: str, tmp_path: Path, silent: str, is_silent: bool
) -> None:
    endpoint = silent if is_silent else closed()
    with valkey() as redis, logged("debug") as log:
        with running(data=tmp_path, redis_url=redis.url, traces_endpoint=endpoint) as service:
            assert slowest_call(service) < 1
            assert eventually(lambda: "traces are lost" in log.text)
            assert slowest_call(service) < 1
            lines = log.lines
            began = time.monotonic()
        ended = time.monotonic() - began

    about = [x for x in lines if x["component"].startswith(("opentelemetry", "authsvc.tracing"))]
    assert [(line["event"], line["level"]) for line in about] == [("traces are lost", "warning")]
    assert "queue" not in log.text.lower()
    assert ended < _FLUSH_SECONDS + 3


def test_once_the_collector_is_back_traces_are_sent_again_and_it_is_said(
    transport: str, tmp_path: Path
) -> None:
    with collecting() as (collector, endpoint), valkey() as redis, logged() as log:
        collector.release.clear()
        with running(data=tmp_path, redis_url=redis.url, traces_endpoint=endpoint) as service:
            slowest_call(service)
            assert eventually(lambda: "traces are lost" in log.text)
            collector.release.set()

            def is_heard() -> bool:
                service.token.GetJwks(GetJwksRequest())
                return "traces are sent again" in log.text

            assert eventually(is_heard)
        told = [line["event"] for line in log.lines if line["component"] == "authsvc.tracing"]
    assert told == ["traces are lost", "traces are sent again"]


def test_without_an_endpoint_nothing_that_traces_is_even_imported(tmp_path: Path) -> None:
    """Whatever else is set for other programs. redis-py imports metrics where they are installed."""
    program = (
        "import sys; from pathlib import Path; from tests.service import running\n"
        "from tests.stores.hot.servers import valkey\n"
        f"with valkey() as r, running(data=Path({str(tmp_path)!r}), redis_url=r.url) as service:\n"
        "    service.register()\n"
        "print([n for n in sys.modules if n.startswith(('authsvc.tracing', 'opentelemetry.exp'))])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": closed(), "PATH": "/usr/bin:/bin"},
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[]"


def _log_in(address: str, times: int) -> None:
    with grpc.insecure_channel(address) as channel:
        auth = AuthServiceStub(channel)
        auth.Register(RegisterRequest(username="ada", password=PASSWORD))
        for _ in range(times):
            auth.Login(LoginRequest(identifier="ada", password=PASSWORD))


def _pids(collected: list[dict[str, str]]) -> set[str]:
    return {resource["service.instance.id"] for resource in collected}


@pytest.mark.slow
def test_each_worker_sends_its_spans_and_the_last_ones_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2048")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512")
    with collecting() as (collector, endpoint):
        with tree(tmp_path, AUTHSVC_TRACES_ENDPOINT=endpoint) as running_tree:
            workers = len(running_tree.workers())
            for _ in range(8):  # a connection belongs to one worker
                _check(running_tree)
            _log_in(running_tree.address, 1)
            assert collector.spans() == [], "nothing is sent before a minute has passed"
        names = [s.name for s in collector.spans() if s.kind == Span.SPAN_KIND_SERVER]
        assert names.count("authn.v1.TokenService/GetJwks") == 8
        assert {"authn.v1.AuthService/Register", "authn.v1.AuthService/Login"} <= set(names)
        resources = collector.resources()
    assert {resource["service.name"] for resource in resources} == {"authsvc"}
    assert all(resource["service.version"] for resource in resources)
    assert 1 <= len(_pids(resources)) <= workers


@pytest.mark.slow
def test_p_dur_2_a_silent_collector_does_not_keep_a_worker_from_ending(
    tmp_path: Path, silent: str
) -> None:
    with tree(tmp_path, AUTHSVC_TRACES_ENDPOINT=silent, OTEL_EXPORTER_OTLP_TIMEOUT="60") as run:
        _log_in(run.address, 3)
        below = children_of(run.process.pid)
        run.process.send_signal(signal.SIGTERM)
        took = seconds_until(lambda: not any(map(exists, below)), at_most=8)
        assert run.process.wait(5) == 0
    assert took < _FLUSH_SECONDS + 4
    assert "killed" not in (tmp_path / "log").read_text()


def _check(running_tree: Tree) -> None:
    with grpc.insecure_channel(running_tree.address, [("grpc.use_local_subchannel_pool", 1)]) as c:
        TokenServiceStub(c).GetJwks(GetJwksRequest())
