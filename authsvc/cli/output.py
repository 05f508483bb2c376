"""How commands print: a table for people, tab-separated lines or JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import typer

Row = Mapping[str, str]

_TAB = 24


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print rows that all have the same columns."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=2))
    elif sys.stdout.isatty():
        _show_table(rows)
    else:
        for row in rows:
            typer.echo("\t".join(printable(value) for value in row.values()))


def show_one(row: Row, *, as_json: bool) -> None:
    """Print one thing, a line for each of its properties."""
    if as_json:
        typer.echo(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        line = f"{name}\t{printable(value)}"
        typer.echo(line.expandtabs(_TAB) if sys.stdout.isatty() else line)


def fail(*lines: str) -> NoReturn:
    """Print why the command failed, and end with exit code 1.

    Raises:
        typer.Exit: Always.

    """
    for line in lines:
        typer.echo(printable(line), err=True)
    raise typer.Exit(1)


def printable(text: str) -> str:
    """Give the text with control characters escaped: none of it may command the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _show_table(rows: Sequence[Row]) -> None:
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if not rows:
        typer.echo("None.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in row.values()))
    Console().print(table)
