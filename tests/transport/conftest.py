"""Services that trust no loopback peer, and one that a test may wear out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service, running
from tests.stores.hot.servers import Server, valkey


@pytest.fixture(name="production", scope="session")
def _production(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Every call needs an authenticated calling service."""
    data = Path(tmp_path_factory.mktemp("production"))
    with valkey() as server, running(data=data, redis_url=server.url, mode="production") as service:
        yield service


@pytest.fixture(name="open_service", scope="session")
def _open_service(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Public methods are for anybody; nobody is trusted for the address."""
    data = Path(tmp_path_factory.mktemp("open"))
    settings = {"mode": "production", "require_caller": False}
    with valkey() as server, running(data=data, redis_url=server.url, **settings) as service:
        yield service


@pytest.fixture(name="redis")
def _redis() -> Iterator[Server]:
    """A Valkey of the test's own."""
    with valkey() as server:
        yield server


@pytest.fixture(name="grpcio_only")
def _grpcio_only(transport: str) -> None:
    """For what the native transport leaves to the mesh before it (docs/decisions/0008)."""
    if transport != "grpcio":
        pytest.skip("the proxy inside pygrpc-native reads on for a client that does not")
