"""The lines of docs/tls.md do what it says, pasted as they are, and a real server swaps certificates."""

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.e2e.pasting import need_grpcurl
from tests.porch.processes import clean_environment, eventually
from tests.stores.hot.servers import valkey
from tests.tls.certificates import Authority, Pair, spiffe

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "tls.md").read_text(encoding="utf-8")
_WRITTEN = "127.0.0.1:50051"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tls")]


class Server:
    """`authsvc serve`, as a process."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self.process = process
        self._output = output

    def lines(self, event: str) -> list[dict[str, object]]:
        """Give what it has logged of a kind."""
        written = (json.loads(x) for x in self._output.read_text().splitlines() if x[:1] == "{")
        return [line for line in written if line["event"] == event]

    @property
    def address(self) -> str:
        """Where it listens."""
        assert eventually(lambda: bool(self.lines("serving")), seconds=90), self._output.read_text()
        return str(self.lines("serving")[0]["listen"])


@contextmanager
def _environment(directory: Path) -> Iterator[dict[str, str]]:
    """Give the settings of production."""
    with valkey() as redis:
        yield clean_environment(
            AUTHSVC_DATA=str(directory / "var"),
            AUTHSVC_REDIS_URL=redis.url,
            AUTHSVC_MASTER_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
            AUTHSVC_ISSUER="https://auth.example.com",
            AUTHSVC_LISTEN="127.0.0.1:0",
            AUTHSVC_HTTP="127.0.0.1:0",
            AUTHSVC_WORKERS="2",
        )


@contextmanager
def _serving(directory: Path, script: str, environment: dict[str, str]) -> Iterator[Server]:
    """Run lines that end with a server."""
    output = directory / "output"
    with (
        output.open("wb") as file,
        subprocess.Popen(
            ["bash", "-ec", script], cwd=directory, env=environment, stdout=file, stderr=file
        ) as process,
    ):
        try:
            yield Server(process, output)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _command(directory: Path) -> str:
    """Put this tree's `authsvc` on the path of the lines."""
    program = directory / "bin" / "authsvc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m authsvc.cli "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_the_lines_of_the_page_work(tmp_path: Path) -> None:
    need_grpcurl()
    make, serve, call = re.findall(r"```sh\n(.*?)```", _PAGE, flags=re.DOTALL)
    (python,) = re.findall(r"```python\n(.*?)```", _PAGE, flags=re.DOTALL)
    for name in ("protos", "third_party"):
        (tmp_path / name).symlink_to(_ROOT / name)
    serve = serve.replace("authsvc serve", "exec authsvc serve")
    with _environment(tmp_path) as environment:
        environment |= {"PATH": _command(tmp_path)}
        with _serving(tmp_path, f"{make}authsvc migrate\n{serve}", environment) as server:
            environment["AUTHSVC_SERVER"] = server.address
            called = subprocess.run(
                ["bash", "-ec", call.replace(_WRITTEN, server.address)],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            verified = subprocess.run(
                [sys.executable, "-c", python.replace(_WRITTEN, server.address)],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

    assert called.returncode == 0, called.stderr
    assert called.stdout.split() == ["SERVING", "{}"]
    assert verified.stdout.startswith("revision"), verified.stderr


def _healthy(address: str, credentials: grpc.ChannelCredentials) -> str:
    """Give how one call on a new connection ends."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.secure_channel(address, credentials, options) as channel:
        try:
            HealthStub(channel).Check(HealthCheckRequest(), timeout=10)
        except grpc.RpcError as error:
            return f"{error.code().name} {error.details()}"
    return "OK"


@contextmanager
def _called(address: str, credentials: grpc.ChannelCredentials) -> Iterator[Counter[str]]:
    """Call without pause on new connections."""
    ends: Counter[str] = Counter()
    stopped = threading.Event()

    def call() -> None:
        while not stopped.is_set():
            ends[_healthy(address, credentials)] += 1

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield ends
    finally:
        stopped.set()
        thread.join()


def _goes_on(ends: "Counter[str]") -> bool:
    before = ends.total()
    return eventually(lambda: ends.total() > before + 20)


def test_p_dur_2_a_real_server_swaps_certificates_and_reloads_on_sighup(tmp_path: Path) -> None:
    ca = Authority()
    certificate, key = ca.server().write(tmp_path)
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    credentials = ca.trusted(ca.client(spiffe("orders")))
    stranger = ca.trusted(Authority().client(spiffe("orders")))

    def swap(new: Pair) -> None:
        certificate.write_bytes(new.certificate)
        key.write_bytes(new.key)

    with _environment(tmp_path) as environment:
        environment |= {
            "PATH": _command(tmp_path),
            "AUTHSVC_TLS_CERT": str(certificate),
            "AUTHSVC_TLS_KEY": str(key),
            "AUTHSVC_TLS_CLIENT_CA": str(tmp_path / "ca.pem"),
        }
        script = "authsvc migrate\nexec authsvc serve"
        with _serving(tmp_path, script, environment) as server:
            address = server.address
            assert _healthy(address, stranger).startswith("UNAVAILABLE")
            with _called(address, credentials) as ends:
                swap(ca.server())
                assert eventually(lambda: len(server.lines("certificate reloaded")) >= 2)
                assert _goes_on(ends)

                certificate.write_bytes(ca.server().certificate)
                server.process.send_signal(signal.SIGHUP)
                assert eventually(lambda: bool(server.lines("configuration not reloaded")))
                assert "is not the key" in str(server.lines("configuration not reloaded"))
                assert _goes_on(ends)
                assert set(ends) == {"OK"}

                swap(ca.server())
                server.process.send_signal(signal.SIGHUP)
                assert eventually(lambda: len(server.lines("worker ready")) == 4)
                assert _goes_on(ends)

    # A worker that leaves breaks off handshakes that have begun, which is safe to try again.
    assert {end.split()[0] for end in ends} <= {"OK", "UNAVAILABLE"}
