"""The embedded Valkey keeps what it acknowledged, is private, and ends with its parent."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from authsvc.config import ConfigurationError
from authsvc.configuration_values import decode_master_key
from authsvc.embedded import (
    DataDirectoryLock,
    EmbeddedValkey,
    dev_master_key,
    prepare_data_directory,
)
from tests.porch.processes import eventually, exists


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A prepared data directory."""
    path = tmp_path / "var"
    prepare_data_directory(path)
    return path


@pytest.fixture
def valkey(data: Path) -> Iterator[EmbeddedValkey]:
    """A running server."""
    server = EmbeddedValkey(data)
    server.start()
    server.wait_until_ready()
    yield server
    server.stop()


def test_p_dur_1_what_was_acknowledged_survives_kill_9(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        for number in range(100):
            client.set(f"key{number}", number)
    assert valkey.pid is not None

    os.kill(valkey.pid, signal.SIGKILL)
    assert eventually(lambda: not valkey.is_alive())
    valkey.start()
    valkey.wait_until_ready()

    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("key99") == b"99"
        assert client.dbsize() == 100


def test_p_flt_2_it_persists_and_never_evicts(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        settings = client.config_get("appendonly", "maxmemory-policy", "port")

    assert settings == {"appendonly": "yes", "maxmemory-policy": "noeviction", "port": "0"}


def test_a_server_left_behind_is_taken_over_with_its_data(data: Path) -> None:
    orphan, successor = EmbeddedValkey(data), EmbeddedValkey(data)
    orphan.start()
    orphan.wait_until_ready()
    with redis.Redis.from_url(orphan.url) as client:
        client.set("left", "behind")

    try:
        # An orphan is buried by whoever adopts it; here that is this process, in between.
        program = "import os,sys,time\nfrom authsvc.embedded import EmbeddedValkey\n"
        program += "from pathlib import Path\nv = EmbeddedValkey(Path(sys.argv[1]))\n"
        program += "v.start(); v.wait_until_ready(); v.stop()\n"
        taking_over = subprocess.Popen([sys.executable, "-c", program, str(data)])
        assert eventually(lambda: not orphan.is_alive())
        assert taking_over.wait(timeout=30) == 0

        successor.start()
        successor.wait_until_ready()
        with redis.Redis.from_url(successor.url) as client:
            assert client.get("left") == b"behind"
    finally:
        orphan.stop()
        successor.stop()


def test_a_deep_data_directory_still_gets_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    prepare_data_directory(deep)
    server = EmbeddedValkey(deep)
    server.start()
    try:
        server.wait_until_ready()

        socket_path = Path(server.url.removeprefix("unix://"))
        assert len(str(socket_path)) <= 100
        assert EmbeddedValkey(deep).url == server.url
        assert _mode(socket_path.parent) == 0o700
    finally:
        server.stop()
        socket_path.parent.rmdir()


def test_everything_is_private_to_this_user(data: Path, valkey: EmbeddedValkey) -> None:
    dev_master_key(data)

    assert _mode(data) == 0o700
    assert _mode(data / "master.key") == 0o600
    assert _mode(data / "valkey") == 0o700
    assert _mode(Path(valkey.url.removeprefix("unix://"))) == 0o700


def test_the_dev_master_key_is_made_once(data: Path) -> None:
    first = dev_master_key(data)

    assert len(decode_master_key(first)) == 32
    assert dev_master_key(data) == first


def test_a_data_directory_has_one_server(data: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from authsvc.embedded import DataDirectoryLock\n"
        "DataDirectoryLock(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, str(data)]

    lock = DataDirectoryLock(data)
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    lock.release()

    assert "another authsvc is using" in refused.stderr
    subprocess.run(command, check=True, timeout=30)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_it_ends_with_its_parent(data: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from authsvc.embedded import EmbeddedValkey\n"
        "v = EmbeddedValkey(Path(sys.argv[1])); v.start(); v.wait_until_ready()\n"
        "os.write(1, str(v.pid).encode()); os.kill(os.getpid(), signal.SIGKILL)"
    )

    parent = subprocess.run(
        [sys.executable, "-c", program, str(data)], capture_output=True, check=False, timeout=30
    )

    pid = int(parent.stdout)
    assert eventually(lambda: not exists(pid))


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="AUTHSVC_DATA: can't use"):
        prepare_data_directory(tmp_path / "file" / "var")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
