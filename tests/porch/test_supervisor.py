"""The supervisor keeps its workers running, renews and drains them, and leaves nobody behind."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.porch.processes import StandIn, children_of, eventually, exists, stand_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _both_serve(server: StandIn) -> set[int]:
    assert eventually(lambda: len(server.workers()) == 2)
    return server.workers()


def test_there_is_a_worker_on_each_core_and_all_share_the_port(tmp_path: Path) -> None:
    with stand_in(tmp_path) as server:
        server.wait_until_serving()

        workers = _both_serve(server)

        assert workers == children_of(server.pid)
        assert all(len(os.sched_getaffinity(pid)) == 1 for pid in workers)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_fewer_workers_than_cores_are_not_bound_to_the_first_ones(tmp_path: Path) -> None:
    with stand_in(tmp_path, "alone") as server:
        server.wait_until_serving()

        (worker,) = children_of(server.pid)

        assert len(os.sched_getaffinity(worker)) == 2


def test_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    with stand_in(tmp_path) as server:
        server.wait_until_serving()
        before = _both_serve(server)
        victim = min(before)

        os.kill(victim, signal.SIGKILL)

        assert eventually(lambda: len(server.workers() - {victim}) == 2)
        assert server.workers() & before == before - {victim}


def test_p_dur_1_kill_9_of_the_supervisor_leaves_no_process_and_no_obstacle(
    tmp_path: Path,
) -> None:
    with stand_in(tmp_path, "embedded") as server:
        server.wait_until_serving()
        family = children_of(server.pid)
        assert len(family) == 3

        server.end(signal.SIGKILL)

        assert eventually(lambda: not any(map(exists, family)), seconds=5)
    with stand_in(tmp_path, "embedded") as server:
        server.wait_until_serving()
        assert server.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_p_dur_2_workers_drain_before_the_supervisor_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    with stand_in(tmp_path) as server:
        server.wait_until_serving()
        workers = _both_serve(server)

        code, output = server.end(number)

        assert code == 0
        assert set(output.split("\n")) >= {f"drained {pid}" for pid in workers}


def test_a_worker_that_does_not_drain_is_killed_after_the_grace(tmp_path: Path) -> None:
    with stand_in(tmp_path, "stubborn") as server:
        server.wait_until_serving()
        workers = children_of(server.pid)
        start = time.monotonic()

        code, output = server.end(signal.SIGTERM)

        assert code == 0
        assert "drained" not in output
        assert 1 <= time.monotonic() - start < 8
        assert not any(map(exists, workers))


def test_a_second_signal_ends_the_wait(tmp_path: Path) -> None:
    with stand_in(tmp_path, "stubborn") as server:
        server.wait_until_serving()
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        start = time.monotonic()

        server.end(signal.SIGINT)

        assert time.monotonic() - start < 2


def test_hangup_renews_every_worker_while_others_serve(tmp_path: Path) -> None:
    with stand_in(tmp_path) as server:
        server.wait_until_serving()
        before = _both_serve(server)

        server.process.send_signal(signal.SIGHUP)

        while server.workers() & before:
            assert server.workers(), "nobody serves"
        assert len(_both_serve(server)) == 2
        assert eventually(lambda: not any(map(exists, before)))


def test_workers_that_never_become_ready_are_given_up_with_a_reason(tmp_path: Path) -> None:
    with stand_in(tmp_path, "failing") as server:
        output, _ = server.process.communicate(timeout=60)

        assert server.process.returncode == 1
        assert "workers do not start" in output
        assert "exit code 7" in output


def test_a_dead_embedded_valkey_is_started_again(tmp_path: Path) -> None:
    with stand_in(tmp_path, "embedded") as server:
        server.wait_until_serving()
        (valkey,) = children_of(server.pid) - _both_serve(server)

        os.kill(valkey, signal.SIGKILL)

        assert eventually(lambda: valkey not in children_of(server.pid))
        assert eventually(lambda: len(children_of(server.pid)) == 3)
