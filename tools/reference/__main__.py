"""Writes the pages anew, or with `--check` says whether they are as they would be written."""

import sys
from pathlib import Path

from tools.reference import (
    DOCS,
    api,
    attacks,
    chart,
    commands,
    configuration,
    errors,
    metrics,
    promises,
)
from tools.reference.contract import Contract


def pages() -> dict[Path, str]:
    """Give all pages that are made."""
    contract = Contract.read()
    tests = promises.Suite.read()
    made = {
        "configuration.md": configuration.page(),
        "metrics.md": metrics.page(),
        "promises.md": promises.page(tests),
        "attacks.md": attacks.page(tests),
        "errors.md": errors.page(contract),
        "cli.md": commands.page(),
        **{f"api/{name}.md": text for name, text in api.pages(contract).items()},
    }
    return {chart.PATH: chart.schema(), **{DOCS / name: text for name, text in made.items()}}


def main() -> None:
    """Write all, or compare all."""
    made = pages()
    forgotten = set((DOCS / "api").glob("*.md")) - made.keys()
    if "--check" not in sys.argv:
        for path in forgotten:
            path.unlink()
        for path, text in made.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return
    stale = forgotten | {
        path
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path in sorted(stale):
        sys.stderr.write(f"{path.relative_to(DOCS.parent)} is not up to date: run ./dev generate\n")
    sys.exit(bool(stale))


main()
