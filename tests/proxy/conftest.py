"""What stands behind the proxy."""

from collections.abc import Iterator

import pytest

from tests.proxy.backend import backend


@pytest.fixture(name="behind", scope="session")
def _behind() -> Iterator[str]:
    with backend() as address:
        yield address
