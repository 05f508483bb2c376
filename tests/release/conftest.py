"""What a release consists of, built from this tree."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.release import build

ROOT = Path(__file__).parents[2]
EPOCH = 1_700_000_000
_SOURCES = ("authsvc", "generated", "protos", "third_party")


def copy_sources(place: Path) -> Path:
    """Copy what is built from."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in _SOURCES:
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, place / name)
    return place


@pytest.fixture(name="built", scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    place = Path(tmp_path_factory.mktemp("built"))
    return build(copy_sources(place), place / "dist", epoch=EPOCH)


@pytest.fixture(name="wheel", scope="session")
def _wheel(built: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    (name,) = (name for name in built if name.endswith(".whl"))
    wheel = Path(tmp_path_factory.mktemp("wheel")) / name
    wheel.write_bytes(built[name])
    return wheel
