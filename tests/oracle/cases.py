"""The ways to be refused that nobody must be able to tell apart, for each RPC that could tell."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import grpc
from authn.v1.account_service_pb2 import CreateAccountRequest, DisableAccountRequest
from authn.v1.account_service_pb2_grpc import AccountServiceStub
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub

from tests.oracle.oracle import Ask
from tests.service import PASSWORD


@dataclass(slots=True)
class Stage:
    """A running service, and what cases need to set themselves up."""

    channel: grpc.Channel
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def account(self, **fields: str) -> str:
        """Make an account; give its user name."""
        username = f"person-{next(self.numbers)}"
        request = CreateAccountRequest(username=username, **fields)
        account = AccountServiceStub(self.channel).CreateAccount(request).account
        self._ids[username] = account.account_id
        return username

    _ids: dict[str, str] = field(default_factory=dict)

    def disable(self, username: str) -> str:
        """Close an account."""
        request = DisableAccountRequest(account_id=self._ids[username])
        AccountServiceStub(self.channel).DisableAccount(request)
        return username

    def login(self, identifier: str, password: str) -> Ask:
        """A login from an address of its own, so that none is refused for that."""
        number = next(self.numbers)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        request = LoginRequest(
            identifier=identifier, password=password, client={"ip_address": address}
        )
        return partial(AuthServiceStub(self.channel).Login, request)


Case = Callable[[Stage], Callable[[], Ask]]
"""Sets a victim up, and gives what asks about it."""


def _login(victim: Callable[[Stage], str], password: str = "a wrong password") -> Case:
    def case(stage: Stage) -> Callable[[], Ask]:
        identifier = victim(stage)
        return lambda: stage.login(identifier, password)

    return case


def _by_address(stage: Stage) -> str:
    address = f"owner-{next(stage.numbers)}@oracle.test"
    stage.account(password=PASSWORD, email=address)
    return address


CASES: Mapping[str, Mapping[str, Case]] = {
    "Login": {
        "wrong password": _login(lambda stage: stage.account(password=PASSWORD)),
        "wrong password, by an address not verified": _login(_by_address),
        "unknown name": _login(lambda stage: f"nobody-{next(stage.numbers)}"),
        "unknown address": _login(lambda stage: f"nobody-{next(stage.numbers)}@oracle.test"),
        "no password": _login(lambda stage: stage.account()),
        "disabled, right password": _login(
            lambda stage: stage.disable(stage.account(password=PASSWORD)), PASSWORD
        ),
        "disabled, wrong password": _login(
            lambda stage: stage.disable(stage.account(password=PASSWORD))
        ),
    },
}
"""By RPC and what is asked. A further one is a line."""
