"""The table of attacks and faults: what each meets, and the tests that try it."""

import tomllib

from tools.reference import DOCS
from tools.reference.promises import Suite


def page(tests: Suite) -> str:
    """Give the page of attacks.

    Raises:
        ValueError: A test that is named is not there.

    """
    written = tomllib.loads((DOCS / "attacks.toml").read_text(encoding="utf-8"))
    rows = [row for group in written.values() for row in group.values()]
    tried = sum(bool(named) for _, named in rows)
    lines = [
        "# Attacks and what they meet",
        "",
        f"{len(rows)} attacks and faults, most of which have hit others before, and what each",
        f"meets here. {tried} of them are tried by tests, to which the last column leads.",
        "",
    ]
    for group, attacks in written.items():
        lines += [f"## {group}", "", "| attack or fault | meets | tried by |", "|---|---|---|"]
        for attack, (answer, named) in attacks.items():
            links = _links(tests, named.split()) or "**nothing yet**"
            lines.append(f"| {attack} | {answer} | {links} |")
        lines.append("")
    return "\n".join(lines)


def _links(tests: Suite, names: list[str]) -> str:
    if missing := [name for name in names if name not in tests.by_name]:
        raise ValueError(f"docs/attacks.toml names tests that there are not: {', '.join(missing)}")
    found = [tests.by_name[name][0] for name in names]
    return ", ".join(f"[{test.rule}]({test.link})" for test in found)
