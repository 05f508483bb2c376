"""Starts the service as a reader of a page does, and pastes the page's lines."""

import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.missing import need
from tests.porch.processes import clean_environment, eventually

ROOT = Path(__file__).parents[2]
_AUTHSVC = [sys.executable, "-m", "authsvc.cli"]
_WRITTEN = "127.0.0.1:50051"


_NOT_RUN = "<!-- not run: "
_FENCES = re.DOTALL | re.MULTILINE
_MARK = "====="
"""What parts the outputs of pasted blocks."""


def need_grpcurl() -> None:
    """Skip the test where grpcurl is missing."""
    need("grpcurl", "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3")


@contextmanager
def up(directory: Path, **variables: str) -> Iterator[str]:
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


def text_of(page: str) -> str:
    """Give a page, named from the root of the project."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "sh") -> list[str]:
    """Give the blocks of a page that are to be run: all but those that say why they are not."""
    fence = rf"(?:^ *(<!-- [^\n]*) -->\n)?^( *)```{language}\n(.*?)^\2```"
    return [
        textwrap.dedent(block)
        for comment, _, block in re.findall(fence, text_of(page), _FENCES)
        if not comment.startswith(_NOT_RUN)
    ]


def reasons(page: str) -> list[str]:
    """Give why blocks of a page are not run."""
    fence = r"^ *<!-- not run: ([^\n]*) -->\n *```(?:sh|python)$"
    return [str(reason) for reason in re.findall(fence, text_of(page), _FENCES)]


def lines(page: str) -> list[str]:
    """Give the blocks of a page that call grpcurl."""
    return [block for block in blocks(page) if "grpcurl" in block]


def paste(pasted: list[str], address: str) -> list[str]:
    """Paste blocks into one shell, and give what each printed, and the errors."""
    outputs, errors = paste_apart(pasted, address)
    return [*outputs, "".join(errors)]


def paste_apart(
    pasted: list[str], address: str, *, seconds: float = 60
) -> tuple[list[str], list[str]]:
    """Paste blocks into one shell, and give what each printed, and the errors of each."""
    between = f"\necho {_MARK}\necho {_MARK} >&2\n"
    script = between.join(pasted).replace(_WRITTEN, address)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=seconds
    )
    outputs, errors = done.stdout.split(f"{_MARK}\n"), done.stderr.split(f"{_MARK}\n")
    assert len(outputs) == len(errors) == len(pasted), done.stderr
    return outputs, errors
