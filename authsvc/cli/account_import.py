"""`authsvc accounts import`: accounts of another system, from a file."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from authsvc.cli.options import DEFAULT_SERVER, Server
from authsvc.cli.output import fail, printable

if TYPE_CHECKING:
    from authsvc.cli.importing import Imported

_COLUMNS = ("line", "external_id", "outcome", "account_id", "reason")


class Format(Enum):
    """How a file is written."""

    JSONL = "jsonl"
    CSV = "csv"


def import_accounts(
    file: Annotated[str, typer.Argument(help="The file, or - for standard input.")],
    *,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="jsonl or csv; told by the file's name otherwise."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="A CSV file to be written: what became of each line.")
    ] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Import accounts with the password hashes of another system (docs/import.md).

    Lines that can't be imported are named on standard error, and the exit code is then 1. Run it
    again after a cut: what was imported stays, and is not imported twice.
    """
    from authsvc.cli.connection import connected  # noqa: PLC0415
    from authsvc.cli.import_file import BadLine, read_csv, read_json_lines  # noqa: PLC0415
    from authsvc.cli.import_progress import Progress  # noqa: PLC0415
    from authsvc.cli.importing import import_lines  # noqa: PLC0415

    form = form or (Format.CSV if file.endswith(".csv") else Format.JSONL)
    counts: Counter[str] = Counter()
    with _opened(file) as source, _report(results) as report, connected(server) as channel:
        progress = Progress(source, sys.stderr)
        read = read_csv if form is Format.CSV else read_json_lines
        sent = import_lines(channel, progress.reading(read(source)), on_sent=progress.add)
        try:
            for done in sent:
                for one in done:
                    counts[one.outcome] += 1
                    report(one)
        except BadLine as error:
            fail(f"{file}: {error}.")
        finally:
            progress.end()
            typer.echo(_summary(counts), err=True)
    if set(counts) - {"CREATED", "ALREADY_EXISTS"}:
        raise typer.Exit(1)


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    """Open the file; what is no UTF-8 in it is found where it stands, line by line."""
    if file == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        yield sys.stdin
        return
    with ExitStack() as stack:
        try:
            opened = Path(file).open(  # noqa: SIM115 - it goes onto the stack
                encoding="utf-8-sig", errors="surrogateescape", newline=""
            )
            source = stack.enter_context(opened)
        except OSError as error:
            fail(f"Can't read {file}: {error.strerror}.")
        yield source


@contextmanager
def _report(results: Path | None) -> "Iterator[Callable[[Imported], None]]":
    """Write what becomes of lines: failures to standard error and, if wanted, all to a file."""
    import csv  # noqa: PLC0415

    with ExitStack() as stack:
        write: Callable[[Sequence[object]], object] = lambda _: None  # noqa: E731
        if results is not None:
            try:
                file = stack.enter_context(results.open("w", encoding="utf-8", newline=""))
            except OSError as error:
                fail(f"Can't write {results}: {error.strerror}.")
            write = csv.writer(file).writerow
            write(_COLUMNS)

        def report(one: "Imported") -> None:
            write([getattr(one, name) for name in _COLUMNS])
            if one.failed:
                name = f" ({one.external_id})" if one.external_id else ""
                line = f"line {one.line}{name}: {one.outcome}: {one.reason}"
                typer.echo(printable(line), err=True)

        yield report


def _summary(counts: "Counter[str]") -> str:
    total = counts.total()
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    return f"{total:,} lines: {told}." if total else "No line was imported."
