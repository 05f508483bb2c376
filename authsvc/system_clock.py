"""The one place that reads a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from authsvc.domain.clock import Clock


def since_boot() -> float:
    """Seconds on a clock that also runs while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def steady_clock(
    *, wall: Callable[[], float] = time.time, since_boot: Callable[[], float] = since_boot
) -> Clock:
    """Give a clock that a step of the wall's can only put forward, never back (P-FLT-5).

    It is the wall's, or what that showed at the start and the time since, whichever is later.
    """
    origin = wall() - since_boot()

    def now() -> datetime:
        return datetime.fromtimestamp(max(wall(), origin + since_boot()), UTC)

    return now
