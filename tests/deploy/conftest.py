"""What the tests of the deployment share."""

import pytest

from tests.missing import give_up
from tools.container import Engine, EngineMissing, build, find_engine


@pytest.fixture(name="engine", scope="session")
def _engine() -> Engine:
    try:
        engine = find_engine()
    except EngineMissing as missing:
        give_up(str(missing))
    build(engine)
    return engine
