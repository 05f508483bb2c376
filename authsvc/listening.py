"""The ports that all workers share (SO_REUSEPORT)."""

import errno
import socket
import time

from authsvc.addresses import format_address, parse_address
from authsvc.config import ConfigurationError

_RELEASE_SECONDS = 2.0
_POLL_SECONDS = 0.05


class ReservedPort:
    """A port that is kept for this process and its workers, and that port 0 has become."""

    def __init__(self, address: str, *, setting: str) -> None:
        """Reserve the port of an address.

        Raises:
            ConfigurationError: Somebody else has it.

        """
        host, port = parse_address(address)
        try:
            if port:
                _wait_until_free(host, port)
            # Bound but not listening: it gets no connections, and only our user may join it.
            self._socket = shared_socket(host, port)
        except OSError as error:
            message = f"{setting}: can't listen on {address}: {error.strerror}."
            raise ConfigurationError(message) from None
        self.address = format_address(host, self._socket.getsockname()[1])

    def release(self) -> None:
        """Give the port up."""
        self._socket.close()


def shared_socket(host: str, port: int) -> socket.socket:
    """Give a bound TCP socket whose port other processes of this user may bind too.

    Raises:
        OSError: The address can't be bound.

    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    shared = socket.socket(family, socket.SOCK_STREAM)
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(address)
    except OSError:
        shared.close()
        raise
    return shared


def _wait_until_free(host: str, port: int) -> None:
    # Sharing would also let in a second server, which would then answer some of the calls. The
    # workers of a server that was just killed take a moment to let go.
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
            else:
                return
        time.sleep(_POLL_SECONDS)
