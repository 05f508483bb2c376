"""The lines of docs/clients.md do what is said there, and its table knows every file of vectors."""

import re
from pathlib import Path

import pytest

from tests.e2e.pasting import lines, need_grpcurl, paste, text_of, up
from tests.vectors.generate import groups


@pytest.mark.slow
@pytest.mark.xdist_group("interop")
def test_the_lines_about_grpcurl_work(tmp_path: Path) -> None:
    need_grpcurl()
    with up(tmp_path) as address:
        [printed, errors] = paste(lines("docs/clients.md"), address)

    assert "rpc VerifyToken" in printed
    assert '"kty": "OKP"' in printed
    assert errors == ""


def test_the_table_names_every_file_of_vectors() -> None:
    table = re.findall(r"^\| \d+ \|.*$", text_of("docs/clients.md"), re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`(\w+)`", row.split("|")[3])}

    assert named == {group.name for group in groups()}
