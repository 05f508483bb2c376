"""How the tests guess passwords, and what they are told."""

import itertools
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import grpc
from authn.v1.auth_service_pb2 import LoginRequest

from tests.service import PASSWORD, Service, reason

FREE = 10
"""Wrong guesses in a row that do not have to wait."""

DEVICE = "a-device-of-the-owner-0001"
WRONG, THROTTLED = "INVALID_CREDENTIALS", "TOO_MANY_ATTEMPTS"

_numbers = itertools.count()


def told(service: Service, identifier: str, password: str = "", **client: str) -> str:
    """What a login is answered; a wrong password of its own if none is given."""
    request = LoginRequest(
        identifier=identifier, password=password or f"wrong {next(_numbers)}", client=client
    )
    try:
        service.auth.Login(request)
    except grpc.RpcError as error:
        return reason(error)
    return "OK"


def exhaust(service: Service, identifier: str, **client: str) -> None:
    """Guess until a wait begins."""
    answers = [told(service, identifier, **client) for _ in range(FREE)]
    assert answers == [WRONG] * FREE
    assert told(service, identifier, **client) == THROTTLED


def told_at_once(service: Service, identifiers: list[str], **client: Any) -> list[str]:
    """What parallel wrong guesses are answered."""
    with ThreadPoolExecutor(len(identifiers)) as threads:
        return list(threads.map(lambda name: told(service, name, **client), identifiers))


def logs_in(service: Service, identifier: str, **client: str) -> bool:
    """Say whether the right password is let in."""
    return told(service, identifier, PASSWORD, **client) == "OK"


def pass_time(service: Service, time: timedelta) -> None:
    """Let time pass for the service."""
    service.clock.offset = (service.clock.offset or timedelta(0)) + time


@contextmanager
def read_only(service: Service) -> Iterator[None]:
    """Let nobody write to SQL."""
    connection = sqlite3.connect(service.app.config.data / "authsvc.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()
