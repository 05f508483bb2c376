"""Builds what a release consists of into dist/, from what is committed; `./dev release` runs it.

A wheel, a source archive, an SBOM and their checksums. The first two are built twice, in different
places, and must be the same byte for byte: whoever builds the commit again can prove what was
released.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_DIST = _ROOT / "dist"
_DIRTY = "There are changes that are not committed; a release is what is committed."


def main() -> None:
    """Build, and say what was built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, required=True, help="where cyclonedx-py is")
    parser.add_argument("--out", type=Path, default=_DIST)
    arguments = parser.parse_args()
    if _git("status", "--porcelain", "--untracked-files=no").strip():
        sys.exit(_DIRTY)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        once = build_commit(Path(first) / "a")
        again = build_commit(Path(second) / "another place")
        if once != again:
            sys.exit("Two builds of one commit differ.")
    version = _version(once)
    _check_changelog(version)
    arguments.out.mkdir(exist_ok=True)
    for name, content in once.items():
        (arguments.out / name).write_bytes(content)
    _write_sbom(arguments.out, version, arguments.tools / "cyclonedx-py")
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(arguments.out.glob(f"authsvc-{version}*"))
    ]
    (arguments.out / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    sys.stdout.writelines(sums)


def build_commit(place: Path) -> dict[str, bytes]:
    """Build the wheel and the source archive of what is committed, in a directory to be made."""
    source = place / "source"
    source.mkdir(parents=True)
    with tarfile.open(fileobj=BytesIO(_git_bytes("archive", "HEAD"))) as archive:
        archive.extractall(source, filter="data")
    return build(source, place / "dist", epoch=int(_git("log", "-1", "--format=%ct")))


def build(source: Path, out: Path, *, epoch: int) -> dict[str, bytes]:
    """Build from a source tree; give the files by their names.

    Args:
        source: The tree.
        out: Where to.
        epoch: The time, in seconds since 1970, that every file is said to be of.

    """
    command = ["uv", "build", "--quiet", "--offline", "--no-build-isolation", "--no-cache"]
    subprocess.run(  # noqa: S603 - nothing in it comes from outside
        [*command, "--python", sys.executable, "--out-dir", str(out), str(source)],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
    )
    return {path.name: path.read_bytes() for path in out.glob("authsvc-*")}


def _version(files: dict[str, bytes]) -> str:
    (wheel,) = (name for name in files if name.endswith(".whl"))
    return wheel.split("-")[1]


def _check_changelog(version: str) -> None:
    text = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE):
        sys.stderr.write(f"CHANGELOG.md does not date {version} yet: this is no release.\n")


def _write_sbom(out: Path, version: str, cyclonedx: Path) -> None:
    """Describe an installation of the wheel with all that the lock holds (CycloneDX 1.6)."""
    with tempfile.TemporaryDirectory() as place:
        python = Path(place) / "bin" / "python"
        install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
        lock = _ROOT / "requirements" / "server.txt"
        for command in (
            ["uv", "venv", "--quiet", "--python", sys.executable, place],
            [*install, "--require-hashes", "-r", str(lock)],
            # By name, not by path: the SBOM would hold where it lay.
            [*install, "--no-deps", "--no-index", "--find-links", str(out), f"authsvc=={version}"],
            [
                *(str(cyclonedx), "environment", str(python)),
                *("--pyproject", str(_ROOT / "pyproject.toml"), "--mc-type", "application"),
                *("--spec-version", "1.6", "--output-format", "JSON", "--output-reproducible"),
                *("--output-file", str(out / f"authsvc-{version}.cdx.json")),
            ],
        ):
            subprocess.run(command, check=True)  # noqa: S603 - as above
    _name_version(out / f"authsvc-{version}.cdx.json", version)


def _name_version(sbom: Path, version: str) -> None:
    """Say the version, which pyproject.toml leaves to the code."""
    content = json.loads(sbom.read_text(encoding="utf-8"))
    content["metadata"]["component"]["version"] = version
    sbom.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _git(*arguments: str) -> str:
    return _git_bytes(*arguments).decode()


def _git_bytes(*arguments: str) -> bytes:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603


if __name__ == "__main__":
    main()
