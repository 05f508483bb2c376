"""`python -m benchmarks [--only P6,P8] [--quick]`."""

import argparse
import re
import sys
from pathlib import Path
from types import ModuleType

from redis import Redis

from benchmarks import (
    calling,
    calls,
    checking,
    comparison,
    containing,
    crowding,
    harness,
    hashing,
    importing,
    installing,
    languages,
    library,
    memory,
    proxying,
    refreshing,
    relaying,
    report,
    revoking,
    starting,
    storming,
)
from benchmarks.harness import Options

_GROUPS: tuple[ModuleType, ...] = (
    checking,
    crowding,
    revoking,
    library,
    hashing,
    storming,
    refreshing,
    memory,
    proxying,
    calling,
    calls,
    starting,
    importing,
    relaying,
    installing,
    containing,
    languages,
    comparison,
)
_RESULTS = Path(__file__).with_name("results")


def main() -> int:
    """Measure, report, and say by the exit code whether every budget is kept."""
    arguments = _parse()
    wanted = set(arguments.only.split(",")) if arguments.only else _ids()
    options = Options(quick=arguments.quick)
    results = []
    for group in _GROUPS:
        if wanted.isdisjoint(group.IDS):
            continue
        for result in group.measure(options):
            print(report.table([result]), flush=True)
            results.append(result)
    environment = report.environment(**_servers())
    measured = {result.id for result in results}
    kept = report.earlier(_RESULTS, environment) if arguments.only else ()
    lines = [*results, *(result for result in kept if result.id not in measured)]
    report.write(_RESULTS, sorted(lines, key=lambda line: _place(line.id)), environment)
    print(f"\n{report.table(sorted(results, key=lambda line: _place(line.id)))}")
    return 1 if any(result.passed is False for result in results) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", help="budgets to measure with the rest of their group: P6,P8")
    parser.add_argument("--quick", action="store_true", help="shorter runs, fewer sessions")
    arguments = parser.parse_args()
    unknown = set(arguments.only.split(",")) - _ids() if arguments.only else None
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {sorted(_ids())}")
    return arguments


def _ids() -> set[str]:
    return {identity for group in _GROUPS for identity in group.IDS}


def _place(identity: str) -> tuple[bool, int, str]:
    """Where a line stands: budgets before what only informs, P6 before P6b before P10."""
    found = re.fullmatch(r"([A-Z])([0-9]+)([a-z]*)", identity)
    assert found is not None
    return found[1] != "P", int(found[2]), found[3]


def _servers() -> dict[str, str]:
    """Give the versions of the servers that took part."""
    found = {}
    for binary in (None, harness.other_redis()):
        with harness.redis_server(binary) as url, Redis.from_url(url) as redis:
            name, version = harness.server_version(redis.info("server"))
            found[name.lower()] = version
    return found


if __name__ == "__main__":
    sys.exit(main())
