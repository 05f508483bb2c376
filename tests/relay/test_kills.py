"""Workers that are killed while they relay: the next one goes on, and nothing is lost."""

import os
import secrets
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub

from tests.faults.outage import seconds_until
from tests.faults.process_tree import serves, tree
from tests.relay.kit import first_ids
from tests.servers.redis_streams import RedisStreams
from tests.service import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_all_arrives_in_order_however_often_workers_are_killed(
    valkey_streams: RedisStreams, tmp_path: Path
) -> None:
    valkey_streams.empty()
    with tree(tmp_path, AUTHSVC_EVENT_SINKS=f"audit={valkey_streams.url}") as running:
        for _ in range(3):
            _register(running.address, 20)
            count = len(valkey_streams.received())
            for worker in running.workers():
                os.kill(worker, signal.SIGKILL)
            seconds_until(lambda: serves(running.address), at_most=20)
            # A lease that nobody gave back has ended by then.
            seconds_until(lambda count=count: len(valkey_streams.received()) > count, at_most=20)
        _register(running.address, 20)
        ids = _ids(tmp_path)
        assert len(ids) >= 160
        seconds_until(lambda: len(first_ids(valkey_streams.received())) >= len(ids), at_most=20)
        assert first_ids(valkey_streams.received()) == ids


def test_who_ends_in_order_lets_the_next_go_on_at_once(
    valkey_streams: RedisStreams, tmp_path: Path
) -> None:
    valkey_streams.empty()
    with tree(tmp_path, AUTHSVC_EVENT_SINKS=f"audit={valkey_streams.url}") as running:
        _register(running.address, 3)
        seconds_until(lambda: len(valkey_streams.received()) >= 6, at_most=20)
        running.process.send_signal(signal.SIGHUP)  # replaces the workers one by one
        before = running.workers()
        seconds_until(lambda: not before & running.workers(), at_most=30)
        count = len(valkey_streams.received())
        _register(running.address, 3)
        took = seconds_until(lambda: len(valkey_streams.received()) >= count + 6, at_most=20)
        assert took < 8  # a lease that was not given back would hold for ten seconds


def _register(address: str, count: int) -> None:
    with grpc.insecure_channel(address) as channel:
        auth = AuthServiceStub(channel)
        for _ in range(count):
            name = f"u{secrets.token_hex(8)}"
            auth.Register(
                RegisterRequest(username=name, password=PASSWORD), timeout=20, wait_for_ready=True
            )


def _ids(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "var" / "authsvc.db")) as database:
        rows = database.execute("SELECT event_id FROM events ORDER BY sequence").fetchall()
    return [event_id for (event_id,) in rows]
