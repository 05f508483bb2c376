"""What all tests share: one Valkey and one running service for each test process."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import settings

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # no test forks to use gRPC in the child

from authsvc.transport.server import Transport
from tests.service import Service, running
from tests.stores.hot.servers import valkey

settings.register_profile("busy machine", deadline=None)  # how long it takes proves nothing
settings.load_profile("busy machine")


_ON_BOTH_TRANSPORTS = {"transport", "promises", "tracing"}
"""The suites of what a client sees."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.path.parent.name in _ON_BOTH_TRANSPORTS:
        # The other one is as good as the first but for what it is made of: CI proves it.
        marks = {"native": [pytest.mark.slow]}
        transports = [pytest.param(t, marks=marks.get(t, [])) for t in get_args(Transport)]
        metafunc.parametrize("transport", transports, indirect=True, scope="session")


@pytest.fixture(name="transport", scope="session", autouse=True)
def _transport(request: pytest.FixtureRequest) -> Iterator[str]:
    """What services are started with. A fixture that starts one and outlives a test asks for it."""
    transport: str = getattr(request, "param", "grpcio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHSVC_TRANSPORT", transport)
        yield transport


@pytest.fixture(name="service", scope="session")
def _service(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with (
        valkey() as server,
        running(data=Path(tmp_path_factory.mktemp("data")), redis_url=server.url) as service,
    ):
        yield service
