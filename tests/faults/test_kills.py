"""Killed anywhere at any moment, what was acknowledged is there afterwards (P-DUR-1, P-DUR-2)."""

import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import IntrospectTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.faults.outage import seconds_until
from tests.faults.process_tree import Tree, serves, tree
from tests.porch.processes import exists
from tests.service import PASSWORD, reason

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_RESTART_SECONDS = 5.0
_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(slots=True)
class _Load:
    """Registers, refreshes and revokes, and remembers what was acknowledged."""

    channel: grpc.Channel
    accounts: list[str] = field(default_factory=list)
    revoked: list[TokenSet] = field(default_factory=list)
    refreshed: list[TokenSet] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Go on until it is stopped; a server that is away is waited for."""
        while not self.stop.is_set():
            try:
                self._once()
                self.stop.wait(0.02)  # one address may register 1,000 accounts in a while
            except grpc.RpcError as error:
                # A call whose answer was lost may be a repeat when it is made again: then the
                # name is taken, or the session gone. Here none is made again.
                assert error.code() in _RETRYABLE, error
                time.sleep(0.02)

    def _once(self) -> None:
        auth = AuthServiceStub(self.channel)
        username = f"u{secrets.token_hex(8)}"
        request = RegisterRequest(username=username, password=PASSWORD)
        first = auth.Register(request, timeout=5).tokens
        self.accounts.append(username)
        request = RefreshRequest(refresh_token=first.refresh_token)
        second = auth.Refresh(request, timeout=5).tokens
        if len(self.accounts) % 2:
            self.refreshed.append(second)
            return
        request = RevokeSessionRequest(session_id=first.session_id)
        SessionServiceStub(self.channel).RevokeSession(request, timeout=5)
        self.revoked += [first, second]

    def assert_all_there(self, channel: grpc.Channel) -> None:
        """Expect every acknowledged account, session and revocation."""
        auth, token = AuthServiceStub(channel), TokenServiceStub(channel)
        assert self.accounts
        assert self.revoked
        for username in self.accounts:
            auth.Login(LoginRequest(identifier=username, password=PASSWORD))
        for tokens in self.revoked:
            request = IntrospectTokenRequest(token=tokens.access_token)
            assert not token.IntrospectToken(request).active
            with pytest.raises(grpc.RpcError) as refused:
                auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))
            assert reason(refused.value) == "INVALID_GRANT"
        for tokens in self.refreshed:
            answer = auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))
            assert answer.tokens.session_id == tokens.session_id


@contextmanager
def _under_load(address: str) -> Iterator[_Load]:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
    with grpc.insecure_channel(address, options) as channel, ThreadPoolExecutor(3) as pool:
        load = _Load(channel)
        runs = [pool.submit(load.run) for _ in range(3)]
        try:
            yield load
        finally:
            load.stop.set()
        for run in runs:
            run.result()


def _kill_a_worker(running: Tree) -> None:
    os.kill(random.choice(sorted(running.workers())), signal.SIGKILL)


def _kill_valkey(running: Tree) -> None:
    os.kill(running.valkey(), signal.SIGKILL)


@pytest.mark.parametrize("kill", [_kill_a_worker, _kill_valkey])
def test_p_dur_1_acknowledged_writes_survive_the_death_of_a_part(
    tmp_path: Path, kill: Callable[[Tree], None]
) -> None:
    with tree(tmp_path) as running:
        with _under_load(running.address) as load:
            for _ in range(4):
                time.sleep(random.uniform(0.3, 0.8))
                kill(running)
                time.sleep(0.05)
                seconds_until(lambda: serves(running.address), at_most=_RESTART_SECONDS)
        seconds_until(lambda: serves(running.address), at_most=_RESTART_SECONDS)
        with grpc.insecure_channel(running.address) as channel:
            load.assert_all_there(channel)


def test_p_dur_1_acknowledged_writes_survive_the_death_of_the_whole_tree(tmp_path: Path) -> None:
    started = time.monotonic()
    with tree(tmp_path) as running:
        first_start = time.monotonic() - started
        address = running.address
        load = _killed_under_load(running)
    for _ in range(2):
        started = time.monotonic()
        with tree(tmp_path, listen=address) as running:
            seconds_until(lambda: serves(address), at_most=30)
            # On a busy machine everything takes longer, a start without a past too.
            assert time.monotonic() - started < max(_RESTART_SECONDS, 2 * first_start)
            with grpc.insecure_channel(address) as channel:
                load.assert_all_there(channel)
            load = _killed_under_load(running)


def _killed_under_load(running: Tree) -> _Load:
    with _under_load(running.address) as load:
        time.sleep(random.uniform(0.5, 1.0))
        running.kill()
    return load


def test_p_dur_2_sigterm_finishes_what_was_begun_and_leaves_nobody_behind(tmp_path: Path) -> None:
    # Hashes that take their time, so that logins are under way when the signal comes.
    slow = {"AUTHSVC_ARGON2_TIME_COST": "24", "AUTHSVC_ARGON2_MEMORY_COST_KIB": "65536"}
    with tree(tmp_path, **slow) as running:
        everybody = running.descendants()
        with grpc.insecure_channel(running.address) as channel, ThreadPoolExecutor(2) as pool:
            auth = AuthServiceStub(channel)
            auth.Register(RegisterRequest(username="somebody", password=PASSWORD))
            request = LoginRequest(identifier="somebody", password=PASSWORD)
            watch = HealthStub(channel).Watch(HealthCheckRequest())
            assert next(watch).status == HealthCheckResponse.SERVING
            login = pool.submit(auth.Login, request)
            time.sleep(0.2)

            running.process.send_signal(signal.SIGTERM)

            assert next(watch).status == HealthCheckResponse.NOT_SERVING
            assert not login.done()
            assert login.result(timeout=20).tokens.session_id
            watch.cancel()
        assert running.process.wait(timeout=20) == 0
        seconds_until(lambda: not any(map(exists, everybody)), at_most=5)
