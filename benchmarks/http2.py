"""A client of unary gRPC calls that costs little enough to load a server from one other core.

The Python client of gRPC takes as long for a call as a server does, so it would measure itself.
This one speaks just the HTTP/2 that such calls need (RFC 9113): it sends the same header block each
time, reads of an answer only its message, and takes an answer without one for a failed call.
"""

import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping

_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_FRAME = struct.Struct(">HBBBI")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WINDOW_SETTING = 4
_FIRST_DYNAMIC = 62
_INITIAL_WINDOW, _LARGEST_FRAME = 65535, 16384
_LARGEST_WINDOW = 2**31 - 1
_RENEWAL = 2**20
_READ_BYTES = 2**18


class Connection:
    """One connection; calls on it may overlap."""

    def __init__(self, host: str, port: int, path: str, metadata: Mapping[str, str]) -> None:
        self._socket = socket.create_connection((host, port), timeout=10.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._first_block, self._block = _header_blocks(f"{host}:{port}", path, metadata)
        self._stream = -1
        self._unread = b""
        self._unsent: deque[bytes] = deque()
        self._window = _INITIAL_WINDOW
        self._answers: dict[int, bytes] = {}
        self._taken = 0
        settings = struct.pack(">HI", _WINDOW_SETTING, _LARGEST_WINDOW)
        self._socket.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _window_update(_LARGEST_WINDOW - _INITIAL_WINDOW)
        )

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def send(self, message: bytes) -> int:
        """Begin a call, and give its number."""
        self._stream += 2
        block = self._block if self._stream > 1 else self._first_block
        body = b"\0" + struct.pack(">I", len(message)) + message
        if len(body) > _INITIAL_WINDOW:
            raise ValueError("the message is too long for this client")
        last = (len(body) - 1) // _LARGEST_FRAME * _LARGEST_FRAME
        self._unsent.append(_frame(_HEADERS, _END_HEADERS, self._stream, block))
        for first in range(0, len(body), _LARGEST_FRAME):
            part = body[first : first + _LARGEST_FRAME]
            flags = _END_STREAM if first == last else 0
            self._unsent.append(_frame(_DATA, flags, self._stream, part))
        self._send_what_fits()
        return self._stream

    def receive(self) -> Iterator[tuple[int, bytes | None]]:
        """Wait for something to arrive; give the calls that it ends, each with its answer.

        The answer is None if the call failed.

        Raises:
            ConnectionError: The server has closed the connection, or is about to.

        """
        arrived = self._socket.recv(_READ_BYTES)
        if not arrived:
            raise ConnectionError("the server closed the connection")
        unread, place = self._unread + arrived, 0
        while len(unread) - place >= _FRAME.size:
            high, low, kind, flags, stream = _FRAME.unpack_from(unread, place)
            end = place + _FRAME.size + (high << 8 | low)
            if end > len(unread):
                break
            yield from self._take(kind, flags, stream, unread[place + _FRAME.size : end])
            place = end
        self._unread = unread[place:]

    def close(self) -> None:
        """Close it; open calls are cancelled."""
        self._socket.close()

    def _send_what_fits(self) -> None:
        """Send in order what the peer's window for the whole connection has room for."""
        ready = []
        while self._unsent:
            frame = self._unsent[0]
            size = len(frame) - _FRAME.size if frame[3] == _DATA else 0
            if size > self._window:
                break
            self._window -= size
            ready.append(self._unsent.popleft())
        if ready:
            self._socket.sendall(b"".join(ready))

    def _take(
        self, kind: int, flags: int, stream: int, payload: bytes
    ) -> Iterator[tuple[int, bytes | None]]:
        if kind == _DATA:
            self._answers[stream] = self._answers.get(stream, b"") + payload
            self._renew_window(len(payload))
        elif kind == _PING and not flags & _ACK:
            self._socket.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS and not flags & _ACK:
            self._socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload)
            self._send_what_fits()
        elif kind == _GOAWAY:
            raise ConnectionError("the server ends the connection")
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            answer = self._answers.pop(stream, None)
            yield stream, None if answer is None else answer[5:]

    def _renew_window(self, size: int) -> None:
        self._taken += size
        if self._taken >= _RENEWAL:
            self._socket.sendall(_window_update(self._taken))
            self._taken = 0


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return _FRAME.pack(length >> 8, length & 255, kind, flags, stream) + payload


def _window_update(size: int) -> bytes:
    return _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", size))


def _header_blocks(authority: str, path: str, metadata: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Give the block of the first call, which fills the peer's table, and that of all others."""
    post, http = b"\x83", b"\x86"  # of the static table (RFC 7541, appendix A)
    entries = [
        b"\x44" + _text(path),
        b"\x41" + _text(authority),
        b"\x5f" + _text("application/grpc"),
        b"\x40" + _text("te") + _text("trailers"),
        b"\x40" + _text("grpc-timeout") + _text("10S"),
        *(b"\x40" + _text(name) + _text(value) for name, value in metadata.items()),
    ]
    indices = reversed(range(_FIRST_DYNAMIC, _FIRST_DYNAMIC + len(entries)))
    return (
        post + http + b"".join(entries),
        post + http + bytes(0x80 | index for index in indices),
    )


def _text(text: str) -> bytes:
    """Write a string of less than 127 bytes, without Huffman's code."""
    return bytes([len(text)]) + text.encode("ascii")
