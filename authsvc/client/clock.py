"""The clocks of the library."""

import time
from functools import partial

since_boot = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds on a clock that also runs while the machine sleeps, where there is one."""
