"""Programs that no wheel carries: a skip where they are missing, a failure in CI."""

import os
import shutil
from typing import NoReturn

import pytest


def need(program: str, install: str) -> str:
    """Give a program's path."""
    found = shutil.which(program)
    if found is None:
        give_up(f"{program} is not on PATH: {install}")
    return found


def give_up(reason: str) -> NoReturn:
    """Skip the test, or let it fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
