"""What must hold of every history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.history.recording import UNKNOWN, Operation


def violations(operations: Iterable[Operation], *, max_staleness: float) -> list[str]:
    """Name every violation in a history; clients of the library may lag by so many seconds."""
    history = sorted(operations, key=lambda operation: operation.start)
    return [
        *_accepted_after_the_acknowledgement(history, max_staleness),
        *_active_again(history),
        *_several_successors(history),
    ]


def _accepted_after_the_acknowledgement(
    history: list[Operation], max_staleness: float
) -> Iterator[str]:
    """P-REV-1, and P-REV-2 for the client library."""
    acknowledged: dict[str, float] = {}
    for operation in history:
        if operation.kind == "revoke" and operation.outcome == "ok":
            before = acknowledged.get(operation.session, operation.end)
            acknowledged[operation.session] = min(before, operation.end)
    for operation in history:
        if operation.outcome != "active":
            continue
        lag = max_staleness if operation.kind == "local" else 0
        if operation.start > acknowledged.get(operation.session, float("inf")) + lag:
            yield f"accepted after the acknowledged end of its session: {operation}"


def _active_again(history: list[Operation]) -> Iterator[str]:
    """P-REV-3, among the answers of the service, and among those of the library."""
    inactive_since: dict[tuple[str, str], float] = {}
    for operation in history:
        if operation.outcome == "inactive":
            key = operation.kind, operation.token
            inactive_since[key] = min(inactive_since.get(key, operation.end), operation.end)
    for operation in history:
        since = inactive_since.get((operation.kind, operation.token), float("inf"))
        if operation.outcome == "active" and operation.start > since:
            yield f"active after it was inactive: {operation}"


def _several_successors(history: list[Operation]) -> Iterator[str]:
    """P-REF-1."""
    successors: dict[str, set[str]] = defaultdict(set)
    for operation in history:
        if operation.kind == "refresh" and operation.outcome not in ("inactive", UNKNOWN):
            successors[operation.token].add(operation.outcome)
    for token, found in successors.items():
        if len(found) > 1:
            yield f"{len(found)} successors of the refresh token ending in {token[-8:]}"
