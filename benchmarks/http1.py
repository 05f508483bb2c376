"""A client of HTTP/1.1 as light as the one of `http2`, for systems that do not speak gRPC.

It sends whole requests that are made beforehand, one at a time on a connection that is kept
(RFC 9112, 9.3), and takes any answer but 200 for a failed call.
"""

import re
import socket
from collections.abc import Iterator

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_READ_BYTES = 2**18


class Connection:
    """One connection; a call on it begins when the last has ended."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=10.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._calls = 0
        self._unread = b""

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def send(self, request: bytes) -> int:
        """Begin a call, and give its number."""
        self._calls += 1
        self._socket.sendall(request)
        return self._calls

    def receive(self) -> Iterator[tuple[int, bytes | None]]:
        """Wait for something to arrive; give the call that it ends, with the body of its answer.

        The body is None if the call failed.

        Raises:
            ConnectionError: The server has closed the connection.
            ValueError: The answer does not tell its length.

        """
        arrived = self._socket.recv(_READ_BYTES)
        if not arrived:
            raise ConnectionError("the server closed the connection")
        self._unread += arrived
        head, ended, body = self._unread.partition(_END_OF_HEAD)
        if not ended:
            return
        length = _LENGTH.search(head)
        if length is None:
            raise ValueError("this client reads only answers with Content-Length")
        if len(body) >= int(length[1]):
            self._unread = b""
            yield self._calls, body if head.startswith(b"HTTP/1.1 200 ") else None

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def request(address: str, path: str, *, headers: dict[str, str], body: str) -> bytes:
    """Write a POST request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {address}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("ascii")
