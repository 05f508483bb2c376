"""Histories of many clients on several workers, while parts are killed, frozen, emptied and cut."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import RefreshRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub

from tests.faults.outage import seconds_until
from tests.faults.process_tree import Tree, serves, tree
from tests.faults.proxy import Proxy, proxy
from tests.history.clients import MAX_STALENESS, World, at_work, check, connect
from tests.history.invariants import violations
from tests.service import reason
from tests.stores.hot.servers import Server, valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_LEASE = 1.0
_ROUNDS = 3
_LAG = MAX_STALENESS.total_seconds() + 0.5
"""Of a library: what it may not have heard, and the way of a sign of life to it."""


@dataclass(slots=True)
class _Parts:
    """What a fault can be done to."""

    tree: Tree
    redis: Server
    way: Proxy
    """Between all workers and Redis."""
    copies: Path


def _nothing(_: _Parts) -> None:
    """The yardstick: a history without faults."""


def _kill_a_worker(parts: _Parts) -> None:
    os.kill(random.choice(sorted(parts.tree.workers())), signal.SIGKILL)


def _freeze_a_worker(parts: _Parts) -> None:
    frozen = random.choice(sorted(parts.tree.workers()))
    os.kill(frozen, signal.SIGSTOP)
    time.sleep(_LEASE * 2)
    os.kill(frozen, signal.SIGCONT)


def _freeze_redis(parts: _Parts) -> None:
    parts.redis.signal(signal.SIGSTOP)
    time.sleep(_LEASE * 1.5)
    parts.redis.signal(signal.SIGCONT)


def _kill_redis(parts: _Parts) -> None:
    parts.redis.kill()
    time.sleep(_LEASE / 2)
    parts.redis.start()
    time.sleep(_LEASE * 2)  # nothing is acknowledged before the leases of the time before end


def _flush_redis(parts: _Parts) -> None:
    with parts.redis.client() as client:
        client.flushall()
    time.sleep(_LEASE * 2)


def _promote_a_stale_copy(parts: _Parts) -> None:
    """Let another server with what Redis knew a while ago take its place."""
    copy = parts.copies / str(time.monotonic_ns())
    shutil.copytree(parts.redis.directory, copy, ignore=shutil.ignore_patterns("s"))
    time.sleep(_LEASE)
    parts.redis.kill()
    parts.redis.empty()
    shutil.copytree(copy, parts.redis.directory, dirs_exist_ok=True)
    parts.redis.start()
    time.sleep(_LEASE * 2)


def _cut_the_network(parts: _Parts) -> None:
    parts.way.silent = True
    time.sleep(_LEASE * 1.5)
    parts.way.heal()
    time.sleep(_LEASE / 2)
    parts.way.cut_after = 1
    time.sleep(_LEASE / 2)
    parts.way.heal()


_FAULTS: tuple[Callable[[_Parts], None], ...] = (
    _nothing,
    _kill_a_worker,
    _freeze_a_worker,
    _freeze_redis,
    _kill_redis,
    _flush_redis,
    _promote_a_stale_copy,
    _cut_the_network,
)


@contextmanager
def _parts(home: Path) -> Iterator[_Parts]:
    with valkey() as redis, proxy(redis.directory / "s") as way:
        url = f"redis://127.0.0.1:{way.port}"
        with tree(home, AUTHSVC_REDIS_URL=url, AUTHSVC_READ_LEASE=f"{_LEASE}s") as running:
            yield _Parts(running, redis, way, home / "copies")


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_p_rev_1_p_rev_3_p_ref_1_no_history_breaks_a_promise(
    fault: Callable[[_Parts], None], tmp_path: Path
) -> None:
    with _parts(tmp_path) as parts:
        world = World(parts.tree.address)
        with at_work(world):
            for _ in range(_ROUNDS):
                time.sleep(1.0)
                fault(parts)
            time.sleep(1.0)
        seconds_until(lambda: serves(world.address), at_most=20)

        assert violations(world.history.operations, max_staleness=_LAG) == []
        _assert_it_had_something_to_judge(world)
        _assert_what_was_acknowledged_survives(world)


def _assert_it_had_something_to_judge(world: World) -> None:
    outcomes = [(op.kind, op.outcome) for op in world.history.operations]
    assert outcomes.count(("verify", "active")) > 50
    assert outcomes.count(("verify", "inactive")) > 10
    assert outcomes.count(("revoke", "ok")) > 3
    assert outcomes.count(("local", "active")) > 50
    assert outcomes.count(("local", "inactive")) > 10
    assert sum(kind == "refresh" and outcome.startswith("asr_") for kind, outcome in outcomes) > 10


def _assert_what_was_acknowledged_survives(world: World) -> None:
    with connect(world.address) as channel:
        for session in world.all_revoked:
            for token in session.access_tokens[-3:]:
                assert check(channel, token) == "inactive"
            request = RefreshRequest(refresh_token=session.refresh_token)
            with pytest.raises(grpc.RpcError) as refused:
                AuthServiceStub(channel).Refresh(request)
            assert reason(refused.value) == "INVALID_GRANT"
