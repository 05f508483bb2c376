"""`python -m tests.vectors.generate`: writes the files of vectors beside this module."""

from collections.abc import Iterator
from pathlib import Path

from tests.vectors.contents import Group
from tests.vectors.endings import delegation, revocations
from tests.vectors.feeds import feed, staleness
from tests.vectors.key_sets import keys
from tests.vectors.tokens import accepted, binding, hostile, scopes

DIRECTORY = Path(__file__).parent


def groups() -> Iterator[Group]:
    """Give all vectors, a group for each file."""
    yield from (accepted(), *hostile(), binding(), scopes())
    yield from (keys(), revocations(), delegation(), feed(), staleness())


def main() -> None:
    """Write the files, and remove those that there are no vectors for."""
    written = {DIRECTORY / f"{group.name}.json": group.written() for group in groups()}
    for stale in set(DIRECTORY.glob("*.json")) - set(written):
        stale.unlink()
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
