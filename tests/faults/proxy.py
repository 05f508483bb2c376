"""A TCP proxy on loopback that can be slow, fall silent, or cut its connections in an answer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 65536


@dataclass(slots=True, eq=False)
class Proxy:
    """Stands between a client and a server on a unix socket or a port of loopback."""

    target: Path | int
    delay: float = 0.0
    """Seconds that each piece of an answer is held back."""
    silent: bool = False
    """Swallow all that comes, and keep the connections open."""
    cut_after: int | None = None
    """Let so many bytes of the next answers through, then reset the connection."""
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: set[socket.socket] = field(default_factory=set)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def heal(self) -> None:
        """Be no hindrance any longer; what was swallowed is lost with its connection."""
        self.delay, self.cut_after = 0.0, None
        if self.silent:
            self.silent = False
            self.cut_all()

    def cut_all(self) -> None:
        """Break every connection."""
        _shut(*list(self._open))

    def serve(self) -> None:
        """Accept until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = _connect(self.target)
            except OSError:
                client.close()
                continue
            carry = threading.Thread(target=self._carry, args=(client, server), daemon=True)
            carry.start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            self._open |= {client, server}
            asking = threading.Thread(target=self._ask, args=(client, server), daemon=True)
            asking.start()
            self._answer(client, server)
            asking.join()
            self._open -= {client, server}

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                if not self.silent:
                    server.sendall(data)
        _shut(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                if self.delay:
                    time.sleep(self.delay)
                if self.silent:
                    continue
                limit = self.cut_after
                if limit is not None and len(data) > limit:
                    client.sendall(data[:limit])
                    break
                client.sendall(data)
        _shut(client, server)


def _connect(target: Path | int) -> socket.socket:
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target))
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(str(target))
    except OSError:
        server.close()
        raise
    return server


def _shut(*sides: socket.socket) -> None:
    """End both directions; whoever reads or writes them comes to an end."""
    for side in sides:
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: Path | int) -> Iterator[Proxy]:
    """Run a proxy in front of a unix socket or a port of loopback."""
    running = Proxy(target)
    thread = threading.Thread(target=running.serve, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        # Closing alone would leave the thread in accept().
        with suppress(OSError):
            running.listener.shutdown(socket.SHUT_RDWR)
        running.listener.close()
        running.cut_all()
        thread.join(5)
