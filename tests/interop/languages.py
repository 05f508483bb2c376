"""The examples: how each is built, checked and run, with its language's ordinary tools."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.missing import give_up
from tests.porch.processes import clean_environment

_ROOT = Path(__file__).parents[2]
_NEEDED = ("buf.yaml", "protos", "third_party", "examples", "tests/vectors")
_PATIENCE = 900.0  # a first build fetches what it needs
_BUF = Path(sys.executable).parent / "buf"


@dataclass(frozen=True, slots=True)
class Language:
    """An example in one language; directories are those of a clean copy."""

    name: str
    tools: Sequence[str]
    """Programs that the machine must have."""
    build: Callable[[Path], None]
    check: Callable[[Path, Mapping[str, str]], None]
    """Proves the format and runs the tests, the vectors among them."""
    story: Callable[[Path], list[str]]
    orders: Callable[[Path], list[str]]
    serves_http: bool = True

    def need_tools(self) -> None:
        """Skip the test where a program is missing."""
        missing = [tool for tool in self.tools if shutil.which(tool) is None]
        if missing:
            give_up(f"{', '.join(missing)} not on PATH")


def run(command: Sequence[str | Path], *, at: Path, **variables: str) -> str:
    """Run a command to its end and give what it printed; fail if it does."""
    done = subprocess.run(
        command,
        cwd=at,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def copy(directory: Path) -> Path:
    """Copy what a clean checkout has of the examples and what they are made from."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *_NEEDED]
    for name in run(listed, at=_ROOT).splitlines():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / name, directory / name)
    return directory


def _build_go(example: Path) -> None:
    run(["go", "build", "-o", "bin/", "./cmd/..."], at=example)


def _check_go(example: Path, variables: Mapping[str, str]) -> None:
    assert run(["gofmt", "-l", "."], at=example) == ""
    run(["go", "vet", "./..."], at=example)
    run(["go", "test", "-count=1", "./..."], at=example, **variables)


def _build_typescript(example: Path) -> None:
    run(["npm", "ci", "--no-audit", "--no-fund"], at=example)
    run(["npm", "run", "build"], at=example)


def _check_typescript(example: Path, variables: Mapping[str, str]) -> None:
    run(["npm", "run", "check"], at=example)
    run(["npm", "test"], at=example, **variables)


def _build_java(example: Path) -> None:
    run(["mvn", "-q", "-B", "test-compile"], at=example)
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:build-classpath"
    run(["mvn", "-q", "-B", plugin, "-Dmdep.outputFile=target/classpath"], at=example)


def _check_java(example: Path, variables: Mapping[str, str]) -> None:
    run(["mvn", "-q", "-B", "verify"], at=example, **variables)


def _java(name: str) -> Callable[[Path], list[str]]:
    def command(example: Path) -> list[str]:
        classpath = (example / "target" / "classpath").read_text(encoding="utf-8").strip()
        path = os.pathsep.join([str(example / "target" / "classes"), classpath])
        return ["java", "-cp", path, f"com.example.authsvc.{name}"]

    return command


def _build_python(example: Path) -> None:
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I../protos"]
    outputs = ["--python_out=.", "--grpc_python_out=."]
    run([*protoc, *outputs, "orders/v1/order_service.proto"], at=example)


def _check_python(example: Path, variables: Mapping[str, str]) -> None:
    """Its format is that of the project, and its verifier is the library: `tests/vectors`."""
    run([sys.executable, "-c", "import serve_orders, story, bench"], at=example, **variables)


GO = Language(
    "go",
    ("go", "gofmt"),
    _build_go,
    _check_go,
    lambda example: [str(example / "bin" / "story")],
    lambda example: [str(example / "bin" / "orders")],
)
TYPESCRIPT = Language(
    "typescript",
    ("node", "npm"),
    _build_typescript,
    _check_typescript,
    lambda example: ["node", str(example / "dist" / "story.js")],
    lambda example: ["node", str(example / "dist" / "orders.js")],
)
JAVA = Language(
    "java",
    ("java", "mvn"),
    _build_java,
    _check_java,
    _java("Story"),
    _java("Orders"),
    serves_http=False,
)
PYTHON = Language(
    "python",
    (),
    _build_python,
    _check_python,
    lambda example: [sys.executable, str(example / "story.py")],
    lambda example: [sys.executable, str(example / "serve_orders.py")],
)
LANGUAGES = (GO, TYPESCRIPT, JAVA, PYTHON)


def generate_go(example: Path) -> None:
    """Write the stubs of the example in Go anew."""
    run([_BUF, "generate"], at=example)


@contextmanager
def started(
    command: Sequence[str], log: Path, **variables: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program, its output in a pipe and its errors in a file; it is dead afterwards."""
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            command,
            env=clean_environment(**variables),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()
