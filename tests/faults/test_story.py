"""The main story on every engine: the demo plays to its end against `authsvc up`."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.faults.process_tree import AUTHSVC, tree
from tests.porch.processes import clean_environment
from tests.servers.sql import mariadb, postgres
from tests.stores.hot.servers import Server, redis7, valkey

pytestmark = pytest.mark.slow

_ENGINES = {
    "PostgreSQL and Redis 7": (postgres, redis7),
    "MariaDB and Valkey": (mariadb, valkey),
}
Start = tuple[
    Callable[[], AbstractContextManager[str]], Callable[[], AbstractContextManager[Server]]
]


@pytest.fixture(name="urls", params=_ENGINES.values(), ids=_ENGINES.keys())
def _urls(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    start_sql, start_redis = request.param
    with ExitStack() as stack:
        database_url = stack.enter_context(start_sql())
        redis_url = stack.enter_context(start_redis()).url
        yield {"AUTHSVC_DATABASE_URL": database_url, "AUTHSVC_REDIS_URL": redis_url}


def test_story_on_every_engine(urls: dict[str, str], tmp_path: Path) -> None:
    with tree(tmp_path, **urls) as running:
        demo = subprocess.run(
            [AUTHSVC, "demo", "--server", running.address],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "All as promised." in demo.stdout
