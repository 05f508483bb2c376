"""The report: a table to read, and the same as JSON, Markdown and plots beside it."""

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from benchmarks.measurement import Bound, Result

mpl.use("Agg")  # there may be no display

from matplotlib import pyplot as plt

_KEPT, _BROKEN, _INFORMING = "#2a7f62", "#b3392f", "#5a6b7b"


def environment(**servers: str) -> dict[str, Any]:
    """Tell what the figures depend on. No names of hosts, people or paths."""
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        **servers,
    }


def document(results: Sequence[Result], environment: dict[str, Any]) -> dict[str, Any]:
    """Give the report as JSON has it."""
    return {"environment": environment, "results": [_entry(result) for result in results]}


def _entry(result: Result) -> dict[str, Any]:
    return {
        "id": result.id,
        "name": result.name,
        "value": _rounded(result.value),
        "unit": result.unit,
        "must": None if result.must is None else str(result.must),
        "pass": result.passed,
        "yardstick": result.yardstick,
        "samples": [_rounded(sample) for sample in result.samples],
    }


def earlier(directory: Path, environment: dict[str, Any]) -> Sequence[Result]:
    """Read the results that a directory holds, if they come from the same environment."""
    try:
        found = json.loads((directory / "latest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    if found["environment"] != environment:
        return ()
    return [_result(entry) for entry in found["results"]]


def _result(entry: dict[str, Any]) -> Result:
    given = {name: value for name, value in entry.items() if name not in ("must", "pass")}
    must = None if entry["must"] is None else Bound.parse(entry["must"])
    return Result(**given | {"samples": tuple(entry["samples"]), "must": must})


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def markdown(results: Sequence[Result], environment: dict[str, Any]) -> str:
    """Give the report as a table for people."""
    lines = ["# Benchmarks", "", ", ".join(f"{k} {v}" for k, v in environment.items()), ""]
    lines += ["| id | what | value | must | kept | measured against |", "|---|---|---|---|---|---|"]
    for result in results:
        cells = (result.id, result.name, show(result), str(result.must or ""), kept(result))
        lines.append(f"| {' | '.join(cells)} | {result.yardstick} |")
    return "\n".join(lines) + "\n"


def table(results: Sequence[Result]) -> str:
    """Give the report as lines for a terminal."""
    rows = [(r.id, r.name, show(r), str(r.must or ""), kept(r), r.yardstick) for r in results]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip()
        for row in rows
    )


def show(result: Result) -> str:
    """Write a value with its unit."""
    unit = "" if result.unit == "ratio" else result.unit
    return f"{result.value:.3g} {unit}".strip() if result.value < 1000 else f"{result.value:,.0f}"


def kept(result: Result) -> str:
    """Write whether the budget is kept."""
    return {True: "yes", False: "NO", None: ""}[result.passed]


def write(directory: Path, results: Sequence[Result], environment: dict[str, Any]) -> None:
    """Write all forms of the report into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(results, environment), indent=2, ensure_ascii=False)
    (directory / "latest.json").write_text(text + "\n", encoding="utf-8")
    page = markdown(results, environment)
    budgets = [result for result in results if result.must is not None]
    if budgets:
        plot_budgets(budgets, directory / "budgets.png")
        page += "\n![How much of each budget is used](budgets.png)\n"
    paired = [result for result in results if result.unit == "ratio"]
    if paired:
        plot_samples(paired, directory / "ratios.png")
        page += "\n![The ratio of each pair of runs](ratios.png)\n"
    (directory / "latest.md").write_text(page, encoding="utf-8")


def plot_budgets(results: Sequence[Result], path: Path) -> None:
    """Draw how much of each budget is used; more than all of it is too much."""
    used = [_used(result) for result in results]
    labels = [f"{r.id}  {r.name}: {show(r)} ({r.must})" for r in results]
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.42 * len(results)), layout="constrained")
    colours = [_KEPT if result.passed else _BROKEN for result in results]
    axes.barh(range(len(results)), used, color=colours, height=0.62)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(results)), labels)
    axes.set_xlim(0, max(1.15, *(1.05 * share for share in used)))
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
    axes.set_xlabel("of the budget used")
    _finish(axes)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_samples(results: Sequence[Result], path: Path) -> None:
    """Draw the ratio of each pair of runs, their median and the bound."""
    figure, axes = plt.subplots(figsize=(10, 1.4 + 0.5 * len(results)), layout="constrained")
    for row, result in enumerate(results):
        colour = {True: _KEPT, False: _BROKEN, None: _INFORMING}[result.passed]
        axes.plot(result.samples, [row] * len(result.samples), "o", color=colour, alpha=0.45)
        axes.plot(result.value, row, "|", color=colour, markersize=20, markeredgewidth=2.5)
        if result.must is not None:
            axes.plot(result.must.limit, row, ">", color="black", markersize=7)
    axes.set_yticks(range(len(results)), [f"{r.id}  {r.name}" for r in results])
    axes.set_ylim(-0.6, len(results) - 0.4)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("ratio to the yardstick: dots are pairs, bars medians, triangles least values")
    _finish(axes)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _used(result: Result) -> float:
    assert result.must is not None
    if result.must.limit == 0:
        return result.value
    share = result.value / result.must.limit
    return 1 / share if result.must.kind == "at least" else share


def _finish(axes: Axes) -> None:
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
