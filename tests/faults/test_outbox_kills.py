"""Killed anywhere at any moment, SQL holds no change without its event, and no event without its
change (P-OBS-1).
"""

import os
import random
import secrets
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    CreateAccountRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    UpdateAccountRequest,
)
from authn.v1.account_service_pb2_grpc import AccountServiceStub
from authn.v1.service_account_service_pb2 import CreateApiKeyRequest, CreateServiceAccountRequest
from authn.v1.service_account_service_pb2_grpc import ServiceAccountServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import Connection, select

from authsvc.configuration_values import decode_master_key
from authsvc.domain.event_reading import EventReader
from authsvc.embedded import dev_master_key
from authsvc.recording import event_chain
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.schema import (
    accounts,
    api_keys,
    events,
    revocations,
    service_accounts,
)
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.settings import SqlSettings
from tests.faults.outage import seconds_until
from tests.faults.process_tree import Tree, serves, tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_KILLS = 6
_THREADS = 6
_ANY = ["*"]
_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(slots=True)
class _Load:
    """Changes all kinds of things, and does not mind whether it is answered."""

    channel: grpc.Channel
    stop: threading.Event
    done: int = 0

    def run(self) -> None:
        """Go on until it is stopped."""
        while not self.stop.is_set():
            try:
                self._once()
                self.done += 1
            except grpc.RpcError as error:
                assert error.code() in _RETRYABLE, error
                time.sleep(0.02)

    def _once(self) -> None:
        people, name = AccountServiceStub(self.channel), f"s{secrets.token_hex(8)}"
        made = people.CreateAccount(CreateAccountRequest(username=name), timeout=5).account
        this: dict[str, Any] = {"account_id": made.account_id}
        mask = FieldMask(paths=["roles"])
        people.UpdateAccount(UpdateAccountRequest(**this, roles=["a"], update_mask=mask), timeout=5)
        people.DisableAccount(DisableAccountRequest(**this), timeout=5)
        if random.random() < 0.5:
            people.DeleteAccount(DeleteAccountRequest(**this), timeout=5)
        session_id = secrets.token_urlsafe(16)
        SessionServiceStub(self.channel).RevokeSession(
            RevokeSessionRequest(session_id=session_id), timeout=5
        )
        services = ServiceAccountServiceStub(self.channel)
        services.CreateServiceAccount(
            CreateServiceAccountRequest(name=name, methods=_ANY, audiences=_ANY), timeout=5
        )
        services.CreateApiKey(
            CreateApiKeyRequest(service_account=name, ttl=timedelta(days=1)), timeout=5
        )


@contextmanager
def _under_load(address: str) -> Iterator[_Load]:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
    with (
        grpc.insecure_channel(address, options) as channel,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        load = _Load(channel, threading.Event())
        runs = [pool.submit(load.run) for _ in range(_THREADS)]
        try:
            yield load
        finally:
            load.stop.set()
        for run in runs:
            run.result()


def _assert_each_change_has_its_event_and_the_reverse(data: Path) -> None:
    engine = connect(f"sqlite:///{data}/authsvc.db")
    chain = event_chain(SqlSettings(engine, Sealer(decode_master_key(dev_master_key(data)))))
    assert EventReader(SqlEventStore(engine, chain)).audit(chain, since=None)[1] is None
    with engine.connect() as connection:
        _compare(connection)
    engine.dispose()


def _compare(connection: Connection) -> None:
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = connection.execute(select(events.c.type, events.c.subject, events.c.session_id))
    for kind, subject, session_id in rows:
        told[kind][subject or session_id] += 1

    def column(name: Any) -> Counter[str]:
        return Counter(connection.scalars(select(name)))

    assert told["account.created"] - told["account.deleted"] == column(accounts.c.account_id)
    ended = told["account.updated"] + told["account.disabled"] + told["account.deleted"]
    assert ended + told["session.revoked"] == column(revocations.c.subject)
    assert told["service_account.created"] == column(service_accounts.c.service_account_id)
    assert told["api_key.created"] == column(api_keys.c.key_id)


def _kill_a_worker(running: Tree) -> None:
    os.kill(random.choice(sorted(running.workers())), signal.SIGKILL)


def _kill_valkey(running: Tree) -> None:
    """What is journalled then and can't be acknowledged has its event as well."""
    os.kill(running.valkey(), signal.SIGKILL)


@pytest.mark.parametrize("kill", [_kill_a_worker, _kill_valkey])
def test_p_obs_1_the_death_of_a_part_parts_no_change_from_its_event(
    tmp_path: Path, kill: Callable[[Tree], None]
) -> None:
    with tree(tmp_path) as running, _under_load(running.address) as load:
        for _ in range(_KILLS):
            done = load.done
            seconds_until(lambda: load.done > done, at_most=30)  # noqa: B023 - is called at once
            time.sleep(random.uniform(0.1, 0.4))
            kill(running)
            seconds_until(lambda: serves(running.address), at_most=30)
    _assert_each_change_has_its_event_and_the_reverse(tmp_path / "var")


def test_p_obs_1_the_death_of_everything_parts_no_change_from_its_event(tmp_path: Path) -> None:
    listen = "127.0.0.1:0"
    for _ in range(3):
        with tree(tmp_path, listen=listen) as running:
            listen = running.address
            with _under_load(listen) as load:
                seconds_until(lambda: load.done > 0, at_most=60)
                time.sleep(random.uniform(0.1, 0.4))
                running.kill()
        _assert_each_change_has_its_event_and_the_reverse(tmp_path / "var")
