"""The product itself, in this process: real stores, a real port on loopback, cheap hashes."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from authn.v1.account_pb2 import Account
from authn.v1.account_service_pb2_grpc import AccountServiceStub
from authn.v1.auth_service_pb2 import (
    CompleteVerificationRequest,
    LoginRequest,
    RegisterRequest,
    RegisterResponse,
    StartVerificationRequest,
)
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.event_service_pb2_grpc import EventServiceStub
from authn.v1.factor_service_pb2_grpc import FactorServiceStub
from authn.v1.key_service_pb2_grpc import KeyServiceStub
from authn.v1.service_account_service_pb2_grpc import ServiceAccountServiceStub
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from authsvc.app import build
from authsvc.config import load
from authsvc.domain.clock import Clock
from authsvc.running import App
from authsvc.stores.sql import migrate
from authsvc.stores.sql.engine import connect
from authsvc.system_clock import steady_clock
from tests.authenticator import RP_ID

PASSWORD = "violet kettle orbits 47 moons"
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
CHEAPEST = {"argon2_time_cost": 1, "argon2_memory_cost_kib": 8, "argon2_parallelism": 1}
"""Only for tests."""


@dataclass(slots=True)
class SettableClock:
    """The system's time, and what a test puts on top of it."""

    offset: Any = None
    _steady: Clock = field(default_factory=steady_clock)

    def __call__(self) -> datetime:
        now = self._steady()
        return now + self.offset if self.offset else now


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service and a client of it."""

    app: App
    address: str
    channel: grpc.Channel
    clock: SettableClock
    auth: AuthServiceStub
    token: TokenServiceStub
    session: SessionServiceStub
    account: AccountServiceStub
    factor: FactorServiceStub
    key: KeyServiceStub
    event: EventServiceStub
    service_account: ServiceAccountServiceStub

    def register(self, **fields: Any) -> RegisterResponse:
        """Make an account with a name of its own and log it in."""
        given = {"username": f"u{secrets.token_hex(8)}", "password": PASSWORD, **fields}
        return self.auth.Register(RegisterRequest(**given))

    def login(self, identifier: str, **fields: Any) -> TokenSet:
        """Log an account in."""
        given = {"identifier": identifier, "password": PASSWORD, **fields}
        return self.auth.Login(LoginRequest(**given)).tokens

    def verify_email(self, account: Account) -> None:
        """Prove that an account's address is its own."""
        names = {"account_id": account.account_id}
        asked = self.auth.StartVerification(StartVerificationRequest(email=account.email, **names))
        self.auth.CompleteVerification(CompleteVerificationRequest(code=asked.code, **names))


@contextmanager
def running(
    *, data: Path, redis_url: str, database_url: str | None = None, port: int = 0, **settings: Any
) -> Iterator[Service]:
    """Run the service as production builds it, with other arguments."""
    given = {
        "mode": "dev",
        "data": data,
        "redis_url": redis_url,
        "database_url": database_url,
        "master_key": MASTER_KEY,
        "webauthn_rp_id": RP_ID,
        "read_lease": timedelta(seconds=0.5),
        **CHEAPEST,
        **settings,
    }
    config = load(**given)
    engine = connect(config.sql_url())
    migrate.upgrade(engine)
    engine.dispose()
    clock = SettableClock()
    app = build(config, clock=clock)
    port = app.start(f"127.0.0.1:{port}")
    address = f"127.0.0.1:{port}"
    try:
        with grpc.insecure_channel(address) as channel:
            yield Service(
                app=app,
                address=address,
                channel=channel,
                clock=clock,
                auth=AuthServiceStub(channel),
                token=TokenServiceStub(channel),
                session=SessionServiceStub(channel),
                account=AccountServiceStub(channel),
                factor=FactorServiceStub(channel),
                key=KeyServiceStub(channel),
                event=EventServiceStub(channel),
                service_account=ServiceAccountServiceStub(channel),
            )
    finally:
        app.stop(2.0)


def bearer(access_token: str) -> tuple[tuple[str, str], ...]:
    """Give the metadata of a call for oneself."""
    return (("authorization", f"Bearer {access_token}"),)


def reason(error: grpc.RpcError) -> str:
    """Give the reason that a failed call carries; "" if none."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return ""
