"""A release can be built again, byte for byte, and holds what it should and nothing else."""

import io
import os
import re
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from authsvc import __version__
from tests.release.conftest import EPOCH, ROOT, copy_sources
from tools.release import build

pytestmark = pytest.mark.slow


def test_a_build_elsewhere_at_another_time_by_somebody_else_gives_the_same_bytes(
    built: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a much longer name, with spaces"
    place.mkdir()
    before = os.umask(0o077)
    try:
        copy_sources(place)
        for number, path in enumerate(sorted(place.rglob("*"))):
            moment = time.time() - 86_400 * number
            os.utime(path, (moment, moment))
        monkeypatch.setenv("TZ", "Pacific/Chatham")
        monkeypatch.setenv("LC_ALL", "C")
        monkeypatch.setenv("PYTHONHASHSEED", "7")
        again = build(place, tmp_path / "dist", epoch=EPOCH)
    finally:
        os.umask(before)

    assert len(built) == 2
    assert {name: again[name] == content for name, content in built.items()} == dict.fromkeys(
        built, True
    )


def test_the_wheel_holds_the_code_and_nothing_else(built: Mapping[str, bytes]) -> None:
    (wheel,) = (zipfile.ZipFile(io.BytesIO(b)) for n, b in built.items() if n.endswith(".whl"))
    names = wheel.namelist()
    metadata = wheel.read(f"authsvc-{__version__}.dist-info/METADATA").decode()

    assert {name.split("/")[0] for name in names} == {
        "authsvc", "authn", "buf", f"authsvc-{__version__}.dist-info",
    }  # fmt: skip
    for needed in (
        "authsvc/py.typed",
        "authsvc/stores/redis/scripts/rotate.lua",
        "authsvc/stores/sql/migrations/versions/r0001_first.py",
        "authn/v1/token_service_pb2_grpc.py",
        f"authsvc-{__version__}.dist-info/licenses/LICENSE",
    ):
        assert needed in names
    assert not [name for name in names if re.search(r"test|\.pyc|\.env|\.db$|\.key", name)]
    assert f"Version: {__version__}" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_the_source_archive_holds_the_contract_and_what_builds_it(
    built: Mapping[str, bytes],
) -> None:
    (content,) = (content for name, content in built.items() if name.endswith(".tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[2] for member in members}

    assert {"pyproject.toml", "CHANGELOG.md", "protos/authn/v1/token_service.proto"} <= names
    assert {member.mtime for member in members} == {EPOCH}
    assert {(member.uid, member.uname) for member in members} == {(0, "")}


def test_the_changelog_keeps_its_form() -> None:
    """Keep a Changelog: what is not released first, then versions with their dates, latest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    sections = re.findall(r"^### (.*)$", text, flags=re.MULTILINE)

    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", h) for h in headings[1:])
    versions = [tuple(map(int, re.findall(r"\d+", heading)[:3])) for heading in headings[1:]]
    assert versions == sorted(versions, reverse=True)
    assert set(sections) <= {"Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"}
    assert versions[:1] <= [tuple(map(int, re.findall(r"\d+", __version__)))]
