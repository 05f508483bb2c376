"""The lines of docs/second-factors.md and docs/passkeys.md work, pasted as they are."""

import sys
from pathlib import Path

import pytest

from tests.e2e.browser import SETTINGS, before_answers, browsing
from tests.e2e.pasting import lines, need_grpcurl, paste, up
from tests.missing import need

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
    need("jq")
    pasted = [before_answers(block) for block in lines("docs/passkeys.md")]
    with browsing(tmp_path, times=3) as browser, up(tmp_path, **SETTINGS) as address:
        outputs = paste([browser, *lines("README.md")[:2], *pasted], address)
    _, enrolled, _, alone, _, second, errors = outputs[3:]

    assert "FACTOR_TYPE_PASSKEY" in enrolled
    assert '"refreshToken"' in alone
    assert '"refreshToken"' in second
    assert errors == ""
