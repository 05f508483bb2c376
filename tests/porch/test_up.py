"""`authsvc up` is ready to try: the demo plays to its end against it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.porch.processes import clean_environment, eventually

_AUTHSVC = [sys.executable, "-m", "authsvc.cli"]


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """What a server in dev mode has printed until now; it drains at the end."""
    path = tmp_path / "output"
    options = ["--data", str(tmp_path / "var"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with (
        path.open("w") as file,
        subprocess.Popen([*_AUTHSVC, "up", *options], stdout=file, env=clean_environment()) as up,
    ):
        try:
            yield path
            up.send_signal(signal.SIGINT)
            assert up.wait(timeout=30) == 0
        finally:
            up.terminate()


def test_up_prints_what_to_paste_and_the_demo_ends_well(output: Path) -> None:
    assert eventually(lambda: "Ctrl-C" in output.read_text(encoding="utf-8"))
    banner = output.read_text(encoding="utf-8")
    found = re.search(r"SERVING on (127\.0\.0\.1:[0-9]+)", banner)
    assert found is not None
    assert banner.count("grpcurl -plaintext") == 3

    demo = subprocess.run(
        [*_AUTHSVC, "demo", "--server", found[1]],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "All as promised." in demo.stdout
    assert "\x1b" not in demo.stdout
