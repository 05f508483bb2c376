"""Servers as processes that can be killed, frozen and started again, and die with the tests."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

_PATIENCE = 90.0
_NOT_HANDED_OUT = (10_000, 32_768)
"""The ports that neither Linux nor RFC 6335 gives to whoever asks for any."""

# Not a preexec_fn: that runs Python between fork and exec, which the threads of gRPC make hang.
_LAUNCH = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has died")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Program:
    """A server's process."""

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self._command = command
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, is_ready: Callable[[], bool]) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._log.parent,
            )
        end = time.monotonic() + _PATIENCE
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                text = self._log.read_text(errors="replace")[-4000:]
                message = f"{self._command[0]} did not start: {text}"
                raise RuntimeError(message)
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to its children."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        for process in (server, *server.children(recursive=True)):
            process.send_signal(number)

    def kill(self) -> None:
        """Kill it without warning, and its children with it."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait()


def free_port() -> int:
    """Give a port of loopback that nothing listened on just now.

    It lies below those that the system hands out, so that until a slow server takes it no client's
    connection and no other test's listener can.
    """
    while True:
        port = random.randrange(*_NOT_HANDED_OUT)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def answers(port: int) -> bool:
    """Say whether something listens on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def home(prefix: str) -> Iterator[Path]:
    """A directory for the time of a server, its name short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)
