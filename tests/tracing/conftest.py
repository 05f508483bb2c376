"""A service that is traced, and who collects its traces."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service import Service, running
from tests.stores.hot.servers import Server, valkey
from tests.tracing.collector import Collector, collecting


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """Both, and the Redis between."""

    service: Service
    collector: Collector
    redis: Server


@pytest.fixture(name="traced", scope="session")
def _traced(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    data = Path(tmp_path_factory.mktemp("traced"))
    with pytest.MonkeyPatch.context() as patch, collecting() as (collector, endpoint):
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        with (
            valkey() as redis,
            running(data=data, redis_url=redis.url, traces_endpoint=endpoint) as service,
        ):
            yield Traced(service=service, collector=collector, redis=redis)
