"""What a benchmark finds, and whether that keeps its budget."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bound:
    """What a value must not pass."""

    kind: Literal["at least", "at most"]
    limit: float

    def holds(self, value: float) -> bool:
        """Say whether a value keeps the bound."""
        return value >= self.limit if self.kind == "at least" else value <= self.limit

    @classmethod
    def parse(cls, text: str) -> "Bound":
        """Read what `str` writes."""
        sign, limit = text.split()
        return cls("at least" if sign == "≥" else "at most", float(limit))

    def __str__(self) -> str:
        sign = "≥" if self.kind == "at least" else "≤"
        return f"{sign} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the report."""

    id: str
    name: str
    value: float
    unit: str
    yardstick: str
    """What the value was measured against, or how."""
    samples: tuple[float, ...] = ()
    """The single measurements that the value comes from."""
    must: Bound | None = None
    """None for a line that only informs."""

    @property
    def passed(self) -> bool | None:
        """Whether the budget is kept; None if there is none."""
        return None if self.must is None else self.must.holds(self.value)


@dataclass(frozen=True, slots=True)
class Pair:
    """What we did and what the yardstick did, one directly after the other."""

    ours: float
    yardstick: float

    @property
    def ratio(self) -> float:
        """Our share of the yardstick."""
        return self.ours / self.yardstick


def at_least(limit: float) -> Bound:
    """A bound from below."""
    return Bound("at least", limit)


def at_most(limit: float) -> Bound:
    """A bound from above."""
    return Bound("at most", limit)


def alternate(
    ours: Callable[[], float], yardstick: Callable[[], float], *, rounds: int
) -> list[Pair]:
    """Measure both in turn, after one round for warming up.

    Each round begins with the other of the two, so that a machine that slows down or speeds up
    favours neither.
    """
    ours()
    yardstick()
    pairs = []
    for number in range(rounds):
        if number % 2:
            theirs = yardstick()
            pairs.append(Pair(ours(), theirs))
        else:
            pairs.append(Pair(ours(), yardstick()))
    return pairs


def ratios(pairs: Sequence[Pair]) -> tuple[float, ...]:
    """The ratio of each pair."""
    return tuple(pair.ratio for pair in pairs)


def median(values: Sequence[float]) -> float:
    """The middle one, which a single disturbed run does not move."""
    return statistics.median(values)
