"""Asks of all that is locked whether a vulnerability is known; `./dev audit` runs it.

pip-audit takes a package that its service does not know for a good one. Here what was not audited
is said, and is a fault where it must not happen (`--required`).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_LOCKS = ("server", "dev", "release")


def main() -> None:
    """Audit, and exit with 1 if anything is known, or required and not found out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, required=True, help="where pip-audit is")
    parser.add_argument("--required", action="store_true", help="fail on what can't be audited")
    arguments = parser.parse_args()
    found = _audit(arguments.tools / "pip-audit")
    vulnerable = [package for package in found if package.get("vulns")]
    unaudited = [package["name"] for package in found if "skip_reason" in package]
    for package in vulnerable:
        ids = " ".join(vulnerability["id"] for vulnerability in package["vulns"])
        sys.stdout.write(f"{package['name']} {package['version']}: {ids}\n")
    if unaudited or not found:
        names = " ".join(unaudited) or "everything"
        sys.stdout.write(f"Not audited, because the service does not answer for it: {names}\n")
    else:
        sys.stdout.write(f"{len(found)} packages audited, {len(vulnerable)} vulnerable.\n")
    sys.exit(bool(vulnerable or (arguments.required and (unaudited or not found))))


def _audit(pip_audit: Path) -> list[dict[str, Any]]:
    """Give what is known of each package of the locks, or nothing if nobody answers."""
    locks = [f"--requirement={_ROOT / 'requirements' / lock}.txt" for lock in _LOCKS]
    done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
        [
            *(str(pip_audit), "--format=json", "--progress-spinner=off", "--timeout=15"),
            *("--require-hashes", "--disable-pip", *locks),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        sys.stderr.write(done.stderr)
        return []
    return found


if __name__ == "__main__":
    main()
