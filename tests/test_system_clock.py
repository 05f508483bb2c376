"""The service's clock goes on when the system's steps back."""

from datetime import UTC, datetime, timedelta

from authsvc.system_clock import steady_clock

_START = datetime(2026, 11, 24, 12, tzinfo=UTC)
_HOUR = timedelta(hours=1)


class _Clocks:
    """A wall clock that can be set, and one that only runs."""

    def __init__(self) -> None:
        self.wall = _START.timestamp()
        self.since_boot = 1_000.0

    def run(self, time: timedelta) -> None:
        self.wall += time.total_seconds()
        self.since_boot += time.total_seconds()


def test_p_flt_5_a_step_back_of_the_wall_clock_brings_no_time_back() -> None:
    clocks = _Clocks()
    now = steady_clock(wall=lambda: clocks.wall, since_boot=lambda: clocks.since_boot)
    clocks.run(_HOUR)

    clocks.wall -= 3_600

    assert now() == _START + _HOUR
    clocks.run(_HOUR)
    assert now() == _START + 2 * _HOUR


def test_p_flt_5_a_step_forward_counts_while_it_lasts() -> None:
    clocks = _Clocks()
    now = steady_clock(wall=lambda: clocks.wall, since_boot=lambda: clocks.since_boot)

    clocks.wall += 3_600
    assert now() == _START + _HOUR

    clocks.wall -= 3_600
    assert now() == _START
