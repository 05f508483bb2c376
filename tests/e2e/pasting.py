"""Starts the service as a reader of a page does, and pastes the page's lines."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.porch.processes import clean_environment, eventually

_ROOT = Path(__file__).parents[2]
_AUTHSVC = [sys.executable, "-m", "authsvc.cli"]
_WRITTEN = "127.0.0.1:50051"


def need_grpcurl() -> None:
    """Skip the test where grpcurl is missing."""
    if shutil.which("grpcurl"):
        return
    reason = "grpcurl is not on PATH: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
    pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@contextmanager
def up(directory: Path, **variables: str) -> Iterator[str]:
    """Run `authsvc up` and give the address that it came to."""
    output = directory / "output"
    options = ["--data", str(directory / "var"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with (
        output.open("w") as file,
        subprocess.Popen(
            [*_AUTHSVC, "up", *options],
            stdout=file,
            stderr=file,
            env=clean_environment(**variables),
        ) as process,
    ):
        try:
            assert eventually(lambda: "Ctrl-C" in output.read_text()), output.read_text()
            found = re.search(r"SERVING on (127\.0\.0\.1:\d+)", output.read_text())
            assert found
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def lines(page: str) -> list[str]:
    """Give the blocks of a page that call grpcurl."""
    text = (_ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [block for block in blocks if "grpcurl" in block]


def paste(blocks: list[str], address: str) -> list[str]:
    """Paste blocks into one shell, and give what each printed, and the errors."""
    script = "\necho =====\n".join(blocks).replace(_WRITTEN, address)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    printed = done.stdout.split("=====\n")
    assert len(printed) == len(blocks), done.stderr
    return [*printed, done.stderr]
