"""docs/cookbook.md has a line for every RPC, and every line works with grpcurl and with buf curl."""

import base64
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2

from authsvc.transport.server import access_to_methods
from tests.e2e.browser import SETTINGS, before_answers, browsing
from tests.e2e.pasting import ROOT, blocks, need_grpcurl, paste_apart, text_of, up
from tests.missing import need

PAGE = "docs/cookbook.md"
WATCHING = "-max-time"
TIME = re.compile(r"\d+(\.\d+)?s\b")
REASON = re.compile(r'"reason": "(\w+)"')


@dataclass(frozen=True, slots=True)
class Pasted:
    """What became of a block."""

    block: str
    output: str
    errors: str
    failed: tuple[str, ...]
    """The commands that failed in it."""
    foretold: str
    """The error that the page shows under it, if any."""


def _foretold() -> dict[str, str]:
    shown = re.findall(
        r"```sh\n((?:(?!```).*\n)+)```\n\n```text\n((?:(?!```).*\n)+)```", text_of(PAGE)
    )
    return dict(shown)


def _pasted(directory: Path, address: str) -> Iterator[Pasted]:
    """Paste the whole page into one shell, with the programs of `bin` before all others."""
    foretold = _foretold()
    given = blocks(PAGE)
    setting = [
        f'PATH="{directory}/bin:{Path(sys.executable).parent}:$PATH"; set -o pipefail -E',
        "trap 'echo \"FAILED: $BASH_COMMAND\" >&2' ERR",
    ]
    here = {".venv/bin/python": sys.executable, "--schema .": f"--schema {ROOT}"}
    with browsing(directory, times=2) as browser:
        run = [before_answers(_as_here(block, here)) for block in given]
        outputs, errors = paste_apart(["\n".join([*setting, browser]), *run], address, seconds=180)
    for block, output, error in zip(given, outputs[1:], errors[1:], strict=True):
        failed = tuple(line[8:] for line in error.splitlines() if line.startswith("FAILED: "))
        said = "\n".join(line for line in error.splitlines() if not line.startswith("FAILED: "))
        yield Pasted(block, output, said, failed, foretold.get(block, ""))


def _as_here(block: str, here: dict[str, str]) -> str:
    for written, meant in here.items():
        block = block.replace(written, meant)
    return block


def _rpcs() -> set[str]:
    """Give every RPC that is served, by its path, but reflection, which `list` and `describe` use."""
    health = health_pb2.DESCRIPTOR.services_by_name["Health"]
    own = {f"/{health.full_name}/{method.name}" for method in health.methods}
    return {*access_to_methods(), *own}


def test_every_rpc_has_a_line() -> None:
    lines = "\n".join(blocks(PAGE))
    called = {f"/{name}" for name in re.findall(r"127\.0\.0\.1:50051 ([\w.]+/\w+)", lines)}

    assert len(_rpcs()) >= 62
    assert sorted(_rpcs() - called) == []
    assert sorted(called - _rpcs()) == []


@pytest.mark.slow
@pytest.mark.xdist_group("readme")
def test_every_line_works_with_grpcurl(tmp_path: Path) -> None:
    need_grpcurl()
    need("jq")
    with up(tmp_path, **SETTINGS) as address:
        pasted = list(_pasted(tmp_path, address))

    assert len([block for block in pasted if block.foretold]) >= 4
    for block in pasted:
        if block.foretold:
            said = block.errors or block.output
            assert TIME.sub("…s", said).split() == TIME.sub("…s", block.foretold).split()
            continue
        assert [command for command in block.failed if WATCHING not in command] == [], block.errors
        assert "null" not in block.output.split()
    watched = [block for block in pasted if WATCHING in block.block]
    assert '"status": "SERVING"' in watched[0].output
    assert '"kid"' in watched[1].output
    assert '"isCurrent": true' in watched[1].output
    assert '"type": "account.created"' in watched[2].output


@pytest.mark.slow
@pytest.mark.xdist_group("readme")
def test_every_line_works_with_buf_curl(tmp_path: Path) -> None:
    need("jq")
    stand_in = tmp_path / "bin" / "grpcurl"
    stand_in.parent.mkdir()
    translator = Path(__file__).with_name("buf_curl.py")
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {translator} "$@"\n')
    stand_in.chmod(0o755)
    with up(tmp_path, **SETTINGS) as address:
        pasted = list(_pasted(tmp_path, address))

    for block in pasted:
        if block.foretold:
            details = b"".join(
                base64.b64decode(value + "==")
                for value in re.findall(r'"value": "([\w+/=-]+)"', block.errors)
            )
            assert [r for r in REASON.findall(block.foretold) if r.encode() not in details] == []
            assert block.failed
            continue
        assert [command for command in block.failed if WATCHING not in command] == [], block.errors
        assert "null" not in block.output.split()
