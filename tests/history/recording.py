"""What clients asked and heard, and when: a history, to be judged afterwards."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["verify", "local", "revoke", "refresh"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call as its client saw it. Times are seconds of one clock for all clients."""

    kind: Kind
    """`local` is a check by the client library."""
    session: str
    token: str
    """The access token that was checked, or the refresh token that was used."""
    start: float
    end: float
    outcome: str
    """`active`, `inactive`, `ok`, the successor of a refresh token, or `unknown`."""


UNKNOWN = "unknown"
"""The outcome of a call whose answer was lost or was UNAVAILABLE: it may have had an effect."""


@dataclass(slots=True)
class History:
    """Operations of many threads."""

    operations: list[Operation] = field(default_factory=list)
    _adding: threading.Lock = field(default_factory=threading.Lock)

    def record(self, kind: Kind, session: str, token: str, ask: Callable[[], str]) -> str:
        """Ask, note what came of it, and give the outcome."""
        start = time.monotonic()
        outcome = ask()
        end = time.monotonic()
        with self._adding:
            self.operations.append(Operation(kind, session, token, start, end, outcome))
        return outcome
