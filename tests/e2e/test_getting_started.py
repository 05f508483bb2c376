"""The ten minutes of docs/getting-started.md go as they are told, and so does the README's Python."""

import sys
from pathlib import Path

import pytest

from tests.e2e.pasting import blocks, need_grpcurl, paste, up
from tests.missing import need

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]

PAGE = "docs/getting-started.md"


@pytest.fixture(autouse=True)
def _programs() -> None:
    need_grpcurl()
    need("jq")


def test_the_first_ten_minutes_go_as_told(tmp_path: Path) -> None:
    (program,) = blocks(PAGE, "python")
    login, start, revoke = blocks(PAGE)
    start = start.replace(".venv/bin/python", sys.executable)
    with up(tmp_path) as address:
        program = program.replace("127.0.0.1:50051", address)
        (tmp_path / "orders.py").write_text(program, encoding="utf-8")
        here = f"cd {tmp_path}\n{login}"
        outputs = paste([here, f"{start}sleep 4", revoke], address)
    *printed, errors = outputs

    assert "active: acc_" in "".join(printed)
    assert printed[-1].splitlines()[-1] == "inactive"
    assert errors == ""


def test_the_readme_checks_a_token_in_ones_own_service(tmp_path: Path) -> None:
    (program,) = blocks("README.md", "python")
    register, login, *_ = (block for block in blocks("README.md") if "grpcurl" in block)
    with up(tmp_path) as address:
        *_, token, errors = paste([register, login, "echo $ACCESS"], address)
        names = {"access_token": token.strip()}
        exec(program.replace("127.0.0.1:50051", address), names)
        names["verifier"].close()

    assert names["claims"].scopes
    assert errors == ""
