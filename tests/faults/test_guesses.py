"""Guesses stay counted whatever dies, and end while nothing can be counted (P-THR-1, P-DUR-1)."""

import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from redis import Redis

from tests.faults.outage import seconds_until
from tests.faults.process_tree import Tree, serves, tree
from tests.promises.guessing import FREE, THROTTLED, WRONG, read_only, told, told_at_once
from tests.service import PASSWORD, reason, running
from tests.stores.hot.servers import valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


def test_p_thr_1_p_flt_1_while_sql_can_only_be_read_guessing_ends_too(tmp_path: Path) -> None:
    """A wrong guess can't be counted then, and its failure must not be told for ever."""
    with valkey() as server, running(data=tmp_path, redis_url=server.url) as service:
        username = service.register().account.username
        with read_only(service):
            assert set(told_at_once(service, [username] * FREE)) == {"STORE_UNAVAILABLE"}
            assert told(service, username) == THROTTLED
            assert told(service, username, PASSWORD) == THROTTLED


def _kill_a_worker(running: Tree) -> None:
    os.kill(random.choice(sorted(running.workers())), signal.SIGKILL)


def _kill_valkey(running: Tree) -> None:
    # Its successor may not have been started yet.
    seconds_until(lambda: len(running.descendants() - running.workers()) == 1, at_most=10)
    os.kill(running.valkey(), signal.SIGKILL)


def _empty_valkey(running: Tree) -> None:
    [socket] = (running.output.parent / "var").rglob("*.sock")
    with Redis.from_url(f"unix://{socket}") as client:
        client.flushall()


@pytest.mark.parametrize("disturb", [_kill_a_worker, _kill_valkey, _empty_valkey])
def test_p_thr_1_p_dur_1_no_more_guesses_are_answered_whatever_dies(
    tmp_path: Path, disturb: Callable[[Tree], None]
) -> None:
    with tree(tmp_path) as running:
        seconds_until(lambda: serves(running.address), at_most=10)
        with grpc.insecure_channel(running.address, _OPTIONS) as channel:
            auth = AuthServiceStub(channel)
            auth.Register(RegisterRequest(username="victim", password=PASSWORD))
            answers: list[str] = []
            with ThreadPoolExecutor(4) as guessers:
                for _ in range(5):
                    guesses = [guessers.submit(_guess, auth) for _ in range(4)]
                    disturb(running)
                    answers += [guess.result() for guess in guesses]
                    seconds_until(lambda: serves(running.address), at_most=10)

            def is_throttled() -> bool:
                answers.append(_guess(auth))
                return answers[-1] == THROTTLED

            seconds_until(is_throttled, at_most=30)
    assert answers.count(WRONG) <= FREE


def _guess(auth: AuthServiceStub) -> str:
    try:
        auth.Login(LoginRequest(identifier="victim", password="a wrong guess"), timeout=10)
    except grpc.RpcError as error:
        return reason(error) or str(error.code())
    return "OK"
