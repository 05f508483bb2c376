"""What all tests share: one Valkey and one running service for each test process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # no test forks to use gRPC in the child

from tests.service import Service, running
from tests.stores.hot.servers import valkey

settings.register_profile("busy machine", deadline=None)  # how long it takes proves nothing
settings.load_profile("busy machine")


@pytest.fixture(name="service", scope="session")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with (
        valkey() as server,
        running(data=Path(tmp_path_factory.mktemp("data")), redis_url=server.url) as service,
    ):
        yield service
