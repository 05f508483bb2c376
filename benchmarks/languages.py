"""What a check costs in the examples, each against the signature alone in its own language."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Pair, Result, at_most, median, ratios

IDS = ("L1", "L2", "L3", "L4")

_EXAMPLES = Path(__file__).parents[1] / "examples"
_RATE = re.compile(r"Benchmark(Verify|Signature)\S*\s+\d+\s+([0-9.]+) ns/op")
_MAVEN = ("mvn", "-q", "-B")
_JAVA_BENCH = (
    "exec:java",
    "-Dexec.classpathScope=test",
    "-Dexec.mainClass=com.example.authsvc.verifier.Bench",
)


@dataclass(frozen=True, slots=True)
class _Language:
    id: str
    name: str
    tool: str
    measure: Callable[[Path], Sequence[Pair]]
    prepare: Sequence[Sequence[str]] = ()


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group; a language whose tools are missing is left out."""
    del options  # each takes a few seconds
    for language in _LANGUAGES:
        if shutil.which(language.tool):
            yield _measure(language)


def _measure(language: _Language) -> Result:
    example = _EXAMPLES / language.name.lower()
    for command in language.prepare:
        _run(command, example)
    os.sched_setaffinity(0, {harness.SERVER_CORE})
    try:
        pairs = language.measure(example)
    finally:
        os.sched_setaffinity(0, {harness.SERVER_CORE, harness.LOAD_CORE})
    ours, raw = (median([getattr(pair, side) for pair in pairs]) for side in ("ours", "yardstick"))
    return Result(
        id=language.id,
        name=f"a check in {language.name}, each token for the first time",
        value=median(ratios(pairs)),
        unit="ratio",
        yardstick=f"the signature alone in {language.name} ({ours:.0f} µs : {raw:.0f} µs)",
        samples=ratios(pairs),
        must=at_most(2),
    )


def _lines(*command: str) -> Callable[[Path], Sequence[Pair]]:
    """Run a program that prints a line of JSON for each round."""

    def measure(example: Path) -> Sequence[Pair]:
        # Maven puts codes for a terminal before them, whatever it is told.
        found = map(json.loads, re.findall(r"\{.*\}", _run(command, example)))
        return [Pair(ours=one["verify"], yardstick=one["signature"]) for one in found]

    return measure


def _go(example: Path) -> Sequence[Pair]:
    command = ["go", "test", "-run=^$", "-bench=.", "-benchtime=200ms", "./verifier"]
    rounds = [dict(_RATE.findall(_run(command, example))) for _ in range(5)]
    return [
        Pair(ours=float(one["Verify"]) / 1e3, yardstick=float(one["Signature"]) / 1e3)
        for one in rounds
    ]


def _run(command: Sequence[str], example: Path) -> str:
    return subprocess.run(
        command, cwd=example, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


_LANGUAGES = (
    _Language("L1", "Go", "go", _go),
    _Language(
        "L2",
        "TypeScript",
        "npm",
        _lines("node", "dist/bench.js"),
        prepare=(("npm", "ci", "--no-audit", "--no-fund"), ("npm", "run", "build")),
    ),
    _Language(
        "L3", "Java", "mvn", _lines(*_MAVEN, *_JAVA_BENCH), prepare=((*_MAVEN, "test-compile"),)
    ),
    _Language("L4", "Python", "python", _lines("python", "bench.py")),
)
