"""The stores on each engine."""

from collections.abc import Iterator

import pytest

from tests.stores.hot.process import Hot, connect
from tests.stores.hot.servers import Server, redis7, valkey


@pytest.fixture(scope="session", params=[valkey, redis7], ids=["valkey", "redis7"])
def shared_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server for all tests that leave it running."""
    with request.param() as server:
        yield server


@pytest.fixture(params=[valkey, redis7], ids=["valkey", "redis7"])
def own_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that the test may kill."""
    with request.param() as server:
        yield server


@pytest.fixture
def hot(shared_server: Server) -> Iterator[Hot]:
    """The stores on an empty server."""
    with shared_server.client() as client:
        client.flushall()
    hot = connect(shared_server)
    yield hot
    hot.connection.close()


@pytest.fixture
def doomed(own_server: Server) -> Iterator[Hot]:
    """The stores on a server that the test may kill."""
    hot = connect(own_server)
    yield hot
    hot.connection.close()
