"""Writes docs/configuration.md from the code, and docs/promises.md from the tests."""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

from pydantic_core import PydanticUndefined

from authsvc.config import SECRET_FIELDS, Config, variable_name

_ROOT = Path(__file__).parent.parent
_CONFIGURATION = _ROOT / "docs" / "configuration.md"
_PROMISES = _ROOT / "docs" / "promises.md"
_PROOF = re.compile(r"test_p_([a-z]+)_(\d+)_(\w+)")


def configuration() -> str:
    """Give the reference of all settings."""
    lines = [
        "# Configuration",
        "",
        "Every setting is an environment variable; `authsvc up` and `authsvc serve` also take",
        "`--listen`, `--http`, `--data` and `--transport`. A secret may stand in a file instead,",
        "named by the variable with `_FILE` behind it. Durations are written as `45s`, `10m`,",
        "`12h` or `30d`.",
        "`authsvc check-config` names every fault at once.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Config.model_fields.items():
        variable = f"`{variable_name(name)}`"
        if name in SECRET_FIELDS:
            variable += f", `{variable_name(name)}_FILE`"
        lines.append(f"| {variable} | {_default(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, tuple):
        value = " ".join(value)
    if hasattr(value, "total_seconds"):
        value = _duration(int(value.total_seconds()))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def promises() -> str:
    """Give the list of promises with the tests that prove them."""
    proofs: dict[tuple[str, int], list[str]] = defaultdict(list)
    for path in sorted((_ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (match := _PROOF.fullmatch(node.name)):
                rule = match[3].replace("_", " ")
                proofs[match[1].upper(), int(match[2])].append(
                    f"{rule} ([{path.name}](../{path.relative_to(_ROOT)}))"
                )
    lines = [
        "# Promises and their proofs",
        "",
        "Made from the names of the tests: each proves a rule of the promise whose id it bears.",
        "",
    ]
    for (family, number), rules in sorted(proofs.items()):
        lines += [f"## P-{family}-{number}", "", *(f"- {rule}" for rule in rules), ""]
    return "\n".join(lines)


def main() -> None:
    """Write both, or with `--check` say whether they are as they would be written."""
    stale = False
    for path, text in ((_CONFIGURATION, configuration()), (_PROMISES, promises())):
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path.name} is not up to date: run ./dev generate\n")
            stale = True
    sys.exit(stale)


if __name__ == "__main__":
    main()
