"""How soon the client library is installed and imported: I4 and I5."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Options
from benchmarks.measurement import Result, at_most
from tools.release import build_commit

IDS = ("I4", "I5")

_INSTALLS = 3
_IMPORTS = 9


def measure(_: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with tempfile.TemporaryDirectory() as place:
        files = build_commit(Path(place) / "build")
        (name,) = (name for name in files if name.endswith(".whl"))
        wheel = Path(place) / name
        wheel.write_bytes(files[name])
        installs = tuple(_install(Path(place) / f"venv{n}", wheel) for n in range(_INSTALLS))
        yield Result(
            id="I4",
            name="the client library installed, in a new environment",
            value=statistics.median(installs),
            unit="s",
            yardstick=f"wall clock with uv and its cache warm, median of {_INSTALLS}",
            samples=installs,
            must=at_most(5),
        )
        python = Path(place) / "venv0" / "bin" / "python"
        imports = tuple(_import(python) for _ in range(_IMPORTS))
        yield Result(
            id="I5",
            name="import authsvc.client, with the interpreter's own start",
            value=statistics.median(imports),
            unit="s",
            yardstick=f"wall clock, median of {_IMPORTS}",
            samples=imports,
            must=at_most(0.25),
        )


def _install(place: Path, wheel: Path) -> float:
    uv = shutil.which("uv") or "uv"
    started = time.perf_counter()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    python = str(place / "bin" / "python")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, str(wheel)], check=True)
    return time.perf_counter() - started


def _import(python: Path) -> float:
    started = time.perf_counter()
    subprocess.run([python, "-I", "-c", "import authsvc.client"], check=True)
    return time.perf_counter() - started
