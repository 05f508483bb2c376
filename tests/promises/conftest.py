"""Services over stores of their own, for tests that move the clock, break a store or need two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promises.asking import Pair
from tests.service import Service, running
from tests.stores.hot.servers import Server, valkey


@pytest.fixture(name="redis", scope="session")
def _redis() -> Iterator[Server]:
    """A Valkey of the pair, which no test may harm and no other service with another database use."""
    with valkey() as server:
        yield server


@pytest.fixture(name="pair", scope="session")
def _pair(
    transport: str, redis: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Two services on the same stores; tests leave their clocks alone."""
    data = Path(tmp_path_factory.mktemp("pair"))
    with (
        running(data=data, redis_url=redis.url) as first,
        running(data=data, redis_url=redis.url) as second,
    ):
        yield Pair(first, second)


@pytest.fixture(name="own_redis")
def _own_redis() -> Iterator[Server]:
    """A Valkey that the test may do anything to."""
    with valkey() as server:
        yield server


@pytest.fixture(name="own")
def _own(own_redis: Server, tmp_path: Path) -> Iterator[Service]:
    """A service whose clock and stores belong to the test."""
    with running(data=tmp_path, redis_url=own_redis.url, sessions_per_account=3) as service:
        yield service
