"""The lines of the README and of docs/services.md do what is said there, pasted as they are."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.porch.processes import clean_environment, eventually
from tests.servers.sql import postgres
from tests.stores.hot.servers import redis7

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")
_AUTHSVC = [sys.executable, "-m", "authsvc.cli"]
_WRITTEN = "127.0.0.1:50051"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]


@pytest.fixture(autouse=True)
def _grpcurl() -> None:
    if shutil.which("grpcurl"):
        return
    reason = "grpcurl is not on PATH: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
    pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@contextmanager
def _up(directory: Path, **variables: str) -> Iterator[str]:
    """Run `authsvc up` and give the address that it came to."""
    output = directory / "output"
    options = ["--data", str(directory / "var"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with (
        output.open("w") as file,
        subprocess.Popen(
            [*_AUTHSVC, "up", *options],
            stdout=file,
            stderr=file,
            env=clean_environment(**variables),
        ) as process,
    ):
        try:
            assert eventually(lambda: "Ctrl-C" in output.read_text()), output.read_text()
            found = re.search(r"SERVING on (127\.0\.0\.1:\d+)", output.read_text())
            assert found
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _grpcurl_blocks(document: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", document, flags=re.DOTALL)
    return [block for block in blocks if "grpcurl" in block]


def _play(address: str, document: str) -> list[str]:
    """Paste all blocks into one shell, and give what each printed."""
    blocks = _grpcurl_blocks(document)
    script = "\necho =====\n".join(blocks).replace(_WRITTEN, address)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    printed = done.stdout.split("=====\n")
    assert len(printed) == len(blocks), done.stderr
    return [*printed, done.stderr]


def _assert_as_promised(address: str) -> None:
    register, _login, verify, refresh, revoke, errors = _play(address, _README)

    assert '"username": "ada"' in register
    assert '"orders.read"' in verify
    successors = re.findall(r'"refreshToken": "(asr_[^"]+)"', refresh)
    assert len(successors) == 2
    assert successors[0] == successors[1]
    assert '"sessionId"' in revoke
    assert '"revision"' in revoke
    assert "Code: Unauthenticated" in errors
    assert "TOKEN_INACTIVE" in errors
    assert "The token is not active." in errors


def test_the_lines_work_on_the_embedded_stores(tmp_path: Path) -> None:
    with _up(tmp_path) as address:
        _assert_as_promised(address)


def test_the_lines_about_services_work(tmp_path: Path) -> None:
    document = (_ROOT / "docs/services.md").read_text(encoding="utf-8")
    with _up(tmp_path) as address:
        made, key, token, revoked, errors = _play(address, document)

    assert '"serviceAccountId": "svc_' in made
    assert '"kty": "OKP"' in key
    assert '"stock.read"' in token
    assert '"revision"' in revoked
    assert "CALLER_UNAUTHENTICATED" in errors
    assert "TOKEN_INACTIVE" in errors


def test_the_lines_work_on_postgresql_and_redis_7(tmp_path: Path) -> None:
    with (
        postgres() as database,
        redis7() as redis,
        _up(tmp_path, AUTHSVC_DATABASE_URL=database, AUTHSVC_REDIS_URL=redis.url) as address,
    ):
        _assert_as_promised(address)
