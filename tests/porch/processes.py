"""Programs that the tests of the porch start, watch and always end."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_PATIENCE_SECONDS = 30.0


def eventually(holds: Callable[[], bool], *, seconds: float = _PATIENCE_SECONDS) -> bool:
    """Say whether something comes true within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def clean_environment(**variables: str) -> dict[str, str]:
    """Give the environment without any of our settings but the given ones."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("AUTHSVC_", "PROMETH"))}
    return {**inherited, **variables}


def exists(pid: int) -> bool:
    """Say whether a process lives; one that waits to be buried does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def children_of(pid: int) -> set[int]:
    """Give the children of a process (Linux)."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return {int(child) for child in listed.split()}


class StandIn:
    """A running `stand_in_server`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.pid = process.pid
        assert process.stdout is not None
        self._stdout: IO[str] = process.stdout
        self.http = ""

    def wait_until_serving(self) -> None:
        """Read its first line, which tells the HTTP address."""
        word, _, address = self._stdout.readline().strip().partition(" ")
        assert word == "serving", (word, address)
        self.http = address

    def workers(self) -> set[int]:
        """Give the process ids that answer on the HTTP port now, asked often enough to meet all."""
        return {self._ask() for _ in range(24)} - {0}

    def _ask(self) -> int:
        try:
            with urllib.request.urlopen(f"http://{self.http}/", timeout=2) as answer:
                return int(answer.read())
        except OSError:
            return 0

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; give the exit code and the rest of the output."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=_PATIENCE_SECONDS)
        return self.process.returncode, rest


@contextmanager
def stand_in(data: Path, *behaviours: str) -> Iterator[StandIn]:
    """Run a stand-in server; it and its workers are dead afterwards."""
    program = Path(__file__).with_name("stand_in_server.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(data), *behaviours],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment(),
    )
    with process:
        try:
            yield StandIn(process)
        finally:
            process.kill()
