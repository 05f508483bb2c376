"""The report of the benchmarks has the form that its readers rely on."""

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.measurement import Pair, Result, alternate, at_least, at_most, ratios

_RESULTS = (
    Result(
        id="P6",
        name="Refresh",
        value=0.91,
        unit="ratio",
        yardstick="one script",
        samples=(0.90, 0.91, 0.92),
        must=at_least(0.80),
    ),
    Result(id="P8", name="memory", value=300.04, unit="bytes", yardstick="INFO", must=at_most(256)),
    Result(id="I1", name="VerifyToken", value=0.5, unit="ratio", yardstick="empty RPC"),
)


def test_the_json_has_the_promised_form(tmp_path: Path) -> None:
    report.write(tmp_path, _RESULTS, report.environment(valkey="9.1.2"))

    found = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))

    assert set(found) == {"environment", "results"}
    assert set(found["environment"]) == {
        "cpus", "machine", "system", "python", "grpcio", "valkey",
    }  # fmt: skip
    assert found["results"] == [
        {
            "id": "P6",
            "name": "Refresh",
            "value": 0.91,
            "unit": "ratio",
            "must": "≥ 0.8",
            "pass": True,
            "yardstick": "one script",
            "samples": [0.90, 0.91, 0.92],
        },
        {
            "id": "P8",
            "name": "memory",
            "value": 300.0,
            "unit": "bytes",
            "must": "≤ 256",
            "pass": False,
            "yardstick": "INFO",
            "samples": [],
        },
        {
            "id": "I1",
            "name": "VerifyToken",
            "value": 0.5,
            "unit": "ratio",
            "must": None,
            "pass": None,
            "yardstick": "empty RPC",
            "samples": [],
        },
    ]


def test_the_page_shows_every_result_and_the_plots_that_lie_beside_it(tmp_path: Path) -> None:
    report.write(tmp_path, _RESULTS, report.environment())

    page = (tmp_path / "latest.md").read_text(encoding="utf-8")

    assert "| P8 | memory | 300 bytes | ≤ 256 | NO |" in page
    assert "| I1 | VerifyToken | 0.5 |  |  |" in page
    for name in ("budgets.png", "ratios.png"):
        assert f"({name})" in page
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("bound", "value", "kept"),
    [
        (at_least(0.8), 0.8, True),
        (at_least(0.8), 0.79, False),
        (at_most(2), 2.0, True),
        (at_most(2), 2.01, False),
    ],
)
def test_a_bound_is_kept_up_to_its_limit(bound: object, value: float, kept: bool) -> None:
    result = Result(id="P1", name="", value=value, unit="", yardstick="", must=bound)

    assert result.passed is kept


def test_runs_alternate_and_each_side_goes_first_as_often() -> None:
    calls: list[str] = []

    def run(side: str, rate: float) -> float:
        calls.append(side)
        return rate

    pairs = alternate(lambda: run("ours", 9.0), lambda: run("theirs", 10.0), rounds=2)

    assert pairs == [Pair(9.0, 10.0)] * 2
    assert ratios(pairs) == (0.9, 0.9)
    assert calls == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]


def test_what_was_written_is_read_again_in_the_same_environment_only(tmp_path: Path) -> None:
    here = report.environment(valkey="9.1.2")
    assert report.earlier(tmp_path, here) == ()
    report.write(tmp_path, _RESULTS, here)

    read = report.earlier(tmp_path, here)
    assert report.document(read, here) == report.document(_RESULTS, here)
    assert report.earlier(tmp_path, report.environment(valkey="8.0.0")) == ()
