"""The promises, each with the tests that prove it: those that are named after it."""

import ast
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tools.reference import DOCS, ROOT

_ID = re.compile(r"p_([a-z]+)_(\d+)(?:_to_(\d+))?_")


@dataclass(frozen=True, slots=True)
class Case:
    """A test."""

    name: str
    """Without the `test_` before it."""
    path: Path

    @property
    def rule(self) -> str:
        """What it proves, in words."""
        name = self.name
        while match := _ID.match(name):
            name = name[match.end() :]
        return name.replace("_", " ")

    @property
    def link(self) -> str:
        """Where it stands. The site goes to its line, other readers of Markdown to its file."""
        return f"../{self.path.relative_to(ROOT)}#test_{self.name}"

    def promises(self) -> list[str]:
        """Give the ids of the promises that its name bears, such as `TOK-1`."""
        found, name = [], self.name
        while match := _ID.match(name):
            first = int(match[2])
            last = int(match[3] or first)
            found += [f"{match[1].upper()}-{number}" for number in range(first, last + 1)]
            name = name[match.end() :]
        return found


@dataclass(frozen=True, slots=True)
class Suite:
    """All tests of the project."""

    by_name: dict[str, list[Case]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls) -> "Suite":
        """Find them."""
        tests = cls()
        for path in sorted((ROOT / "tests").rglob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    name = node.name.removeprefix("test_")
                    tests.by_name[name].append(Case(name, path))
        return tests

    def by_promise(self) -> dict[str, list[Case]]:
        """Give the tests of each promise, in the order of their files."""
        proofs: dict[str, list[Case]] = defaultdict(list)
        for test in sorted((t for ts in self.by_name.values() for t in ts), key=lambda t: t.path):
            for promise in test.promises():
                proofs[promise].append(test)
        return proofs


def page(tests: Suite) -> str:
    """Give the page of promises.

    Raises:
        ValueError: A test bears the id of a promise that nobody gave.

    """
    written = tomllib.loads((DOCS / "promises.toml").read_text(encoding="utf-8"))
    promises: dict[str, str] = written["promises"]
    gaps: dict[str, str] = written["gaps"]
    proofs = tests.by_promise()
    if unknown := sorted(proofs.keys() - promises.keys()):
        raise ValueError(f"docs/promises.toml lacks {', '.join(unknown)}")
    gaps |= {name: "No test proves this yet." for name in promises if not proofs[name]}
    lines = [
        "# Promises and their proofs",
        "",
        "What authsvc promises, and under each promise the tests that prove it: those whose names",
        f"bear its id. There are {len(promises)} promises and {sum(map(len, proofs.values()))}",
        "proofs. A test proves what it tries; what was not thought of is not in this list. What an",
        "attacker may try is turned round in [attacks](attacks.md).",
        "",
        f"**Not or not wholly proven:** {_named(gaps) or 'none'}.",
        "",
    ]
    for group, title in written["groups"].items():
        lines += [f"## {title}", ""]
        for name, promise in promises.items():
            if name.partition("-")[0] == group:
                rows = [f"- [{test.rule}]({test.link})" for test in proofs[name]]
                gap = [f"**Not proven.** {gaps[name]}", ""] if name in gaps else []
                lines += [f"### P-{name}", "", promise, "", *gap, *rows, ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _named(gaps: dict[str, str]) -> str:
    return ", ".join(f"[P-{name}](#p-{name.lower()})" for name in gaps)
