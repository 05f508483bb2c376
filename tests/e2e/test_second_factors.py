"""The lines of docs/second-factors.md and docs/passkeys.md work, pasted as they are."""

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from tests.authenticator import ORIGIN, RP_ID, Authenticator
from tests.e2e.pasting import lines, need_grpcurl, paste, up

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]


@pytest.fixture(autouse=True)
def _grpcurl() -> None:
    need_grpcurl()


def test_the_lines_on_second_factors_work(tmp_path: Path) -> None:
    blocks = [
        block.replace(".venv/bin/python", sys.executable)
        for block in lines("docs/second-factors.md")
    ]
    with up(tmp_path) as address:
        *_, complete, verify, errors = paste([*lines("README.md")[:2], *blocks], address)

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
        for block in lines("docs/passkeys.md")
    ]
    settings = {"AUTHSVC_WEBAUTHN_RP_ID": RP_ID, "AUTHSVC_WEBAUTHN_ORIGINS": ORIGIN}
    page = threading.Thread(target=_answer_in_the_browser, args=(tmp_path, 3), daemon=True)
    with up(tmp_path, **settings) as address:
        page.start()
        outputs = paste([browser, *lines("README.md")[:2], *blocks], address)
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
