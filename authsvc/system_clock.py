"""The one place that reads a clock."""

import time
from datetime import UTC, datetime

from authsvc.domain.clock import Clock


def steady_clock() -> Clock:
    """Give a clock that a step of the system's can only put forward, never back (P-FLT-5).

    It is the system's, or what that showed at the start and the time since, whichever is later.
    """
    origin = time.time() - _since_boot()

    def now() -> datetime:
        return datetime.fromtimestamp(max(time.time(), origin + _since_boot()), UTC)

    return now


def _since_boot() -> float:
    """Seconds on a clock that also runs while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
