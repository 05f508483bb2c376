"""What a machine may lack, be it a program or a server: a skip there, a failure in CI."""

import os
import shutil
from typing import NoReturn

import pytest


def need(program: str, how: str = "") -> str:
    """Give a program's path; `how` says where to get it, if it is no package of its name."""
    found = shutil.which(program)
    if found is None:
        give_up(f"{program} is not on PATH: {how or f'apt-get install {program}'}")
    return found


def give_up(reason: str) -> NoReturn:
    """Skip the test, or let it fail in CI, where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
