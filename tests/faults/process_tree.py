"""The real thing: `authsvc up` as a tree of processes, to be killed anywhere."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.faults.outage import is_serving, seconds_until
from tests.porch.processes import children_of, clean_environment, exists

AUTHSVC = Path(sys.executable).parent / "authsvc"
# It dies with the tests, also when they are killed.
_LAUNCH = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has died")
os.execv(sys.argv[2], sys.argv[2:])
"""
_SETTINGS = {
    "AUTHSVC_WORKERS": "2",
    "AUTHSVC_READ_LEASE": "300ms",
    "AUTHSVC_ARGON2_TIME_COST": "1",
    "AUTHSVC_ARGON2_MEMORY_COST_KIB": "8",
}


@dataclass(slots=True)
class Tree:
    """A running `authsvc up`."""

    process: "subprocess.Popen[bytes]"
    output: Path

    @property
    def address(self) -> str:
        """Where it serves; the banner tells it once it does."""
        found = re.search(r"SERVING on (\S+)", self.output.read_text(encoding="utf-8"))
        return found[1] if found else ""

    def descendants(self) -> set[int]:
        """Give the supervisor's children: the workers, and the embedded Valkey if there is one."""
        return children_of(self.process.pid)

    def valkey(self) -> int:
        """Give the embedded Valkey."""
        [pid] = {pid for pid in self.descendants() if b"valkey-server" in _command_line(pid)}
        return pid

    def workers(self) -> set[int]:
        """Give the workers."""
        return {pid for pid in self.descendants() if b"valkey-server" not in _command_line(pid)}

    def kill(self) -> None:
        """Kill the supervisor; the kernel takes its children along."""
        below = self.descendants()
        self.process.kill()
        self.process.wait()
        seconds_until(lambda: not any(map(exists, below)), at_most=5)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def tree(home: Path, *, listen: str = "127.0.0.1:0", **environment: str) -> Iterator[Tree]:
    """Run `authsvc up` with its data in a directory; it serves, and is dead afterwards."""
    output = home / "output"
    options = ["--data", str(home / "var"), "--listen", listen, "--http", "127.0.0.1:0"]
    with (
        output.open("wb") as file,
        (home / "log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), AUTHSVC, "up", *options],
            stdout=file,
            stderr=log,
            env=clean_environment(**{**_SETTINGS, **environment}),
        ) as process,
    ):
        running = Tree(process, output)
        try:
            seconds_until(lambda: bool(running.address) or _ended(running), at_most=30)
            yield running
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def _ended(running: Tree) -> bool:
    code = running.process.poll()
    assert code is None, f"authsvc up ended with {code}"
    return False


def serves(address: str) -> bool:
    """Say whether the server at an address says that it serves everything."""
    with grpc.insecure_channel(address) as channel:
        try:
            return is_serving(channel)
        except grpc.RpcError:
            return False
