"""The lines of the README and of docs/ do what they say, pasted as they are."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.authenticator import ORIGIN, RP_ID, Authenticator
from tests.porch.processes import clean_environment, eventually
from tests.servers.sql import postgres
from tests.stores.hot.servers import redis7

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")
_SECOND_FACTORS = (_ROOT / "docs" / "second-factors.md").read_text(encoding="utf-8")
_PASSKEYS = (_ROOT / "docs" / "passkeys.md").read_text(encoding="utf-8")
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


def _grpcurl_blocks(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    return [block for block in blocks if "grpcurl" in block]


def _play(address: str, blocks: list[str]) -> list[str]:
    """Paste blocks into one shell, and give what each printed."""
    script = "\necho =====\n".join(blocks).replace(_WRITTEN, address)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    printed = done.stdout.split("=====\n")
    assert len(printed) == len(blocks), done.stderr
    return [*printed, done.stderr]


def _assert_as_promised(address: str) -> None:
    register, _login, verify, refresh, revoke, errors = _play(address, _grpcurl_blocks(_README))

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


def test_the_lines_work_on_postgresql_and_redis_7(tmp_path: Path) -> None:
    with (
        postgres() as database,
        redis7() as redis,
        _up(tmp_path, AUTHSVC_DATABASE_URL=database, AUTHSVC_REDIS_URL=redis.url) as address,
    ):
        _assert_as_promised(address)


def test_the_lines_on_second_factors_work(tmp_path: Path) -> None:
    logged_in = _grpcurl_blocks(_README)[:2]
    page = _SECOND_FACTORS.replace(".venv/bin/python", sys.executable)
    with _up(tmp_path) as address:
        *_, complete, verify, errors = _play(address, [*logged_in, *_grpcurl_blocks(page)])

    assert '"refreshToken"' in complete
    assert '"acr": "aal2"' in verify
    assert errors == ""


def test_the_lines_on_passkeys_work(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not on PATH")
    for pipe in ("asked", "answered"):
        os.mkfifo(tmp_path / pipe)
    browser = f"""cd {tmp_path}
        browser() {{ cat options.json > asked; cat answered > answer.json; }}"""
    blocks = [
        block.replace("jq -n", "browser; jq -n") if "answer.json" in block else block
        for block in _grpcurl_blocks(_PASSKEYS)
    ]
    settings = {"AUTHSVC_WEBAUTHN_RP_ID": RP_ID, "AUTHSVC_WEBAUTHN_ORIGINS": ORIGIN}
    page = threading.Thread(target=_answer_in_the_browser, args=(tmp_path, 3), daemon=True)
    with _up(tmp_path, **settings) as address:
        page.start()
        outputs = _play(address, [browser, *_grpcurl_blocks(_README)[:2], *blocks])
    _, enrolled, _, alone, _, second, errors = outputs[3:]

    assert "FACTOR_TYPE_PASSKEY" in enrolled
    assert '"refreshToken"' in alone
    assert '"refreshToken"' in second
    assert errors == ""


def _answer_in_the_browser(directory: Path, times: int) -> None:
    """Do what the page does, with what the shell writes where the shell waits for it."""
    authenticator = Authenticator()
    for _ in range(times):
        asked = (directory / "asked").read_text(encoding="utf-8")
        answer = (authenticator.create if '"user"' in asked else authenticator.get)(asked)
        (directory / "answered").write_text(answer, encoding="utf-8")
