"""Visits every state that a model can reach, breadth first, and tells the shortest way to a fault."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TypeVar

State = TypeVar("State", bound=Hashable)

Steps = Callable[[State], Iterator[tuple[str, State]]]


@dataclass(frozen=True)
class Report:
    """What an exploration found: the names of the steps to the first fault, or that none exists."""

    states: int
    fault: str | None = None
    trace: tuple[str, ...] = ()
    reached: bool = False

    def __str__(self) -> str:
        return "\n".join([f"{self.fault} ({self.states} states):", *self.trace])


def explore(
    start: State,
    steps: Steps[State],
    *,
    fault: Callable[[State], str | None],
    goal: Callable[[State], bool],
    limit: int = 5_000_000,
) -> Report:
    """Visit all states from `start` until one is faulty.

    Args:
        start: The first state.
        steps: All that can happen next, each with its name.
        fault: Which rule a state breaks.
        goal: What some state must reach, lest the model proves nothing.
        limit: How many states the bounds may give; more is an error of the test.

    """
    came: dict[State, tuple[str, State] | None] = {start: None}
    wave = [start]
    reached = False
    while wave:
        following = []
        for state in wave:
            reached = reached or goal(state)
            broken = fault(state)
            if broken is not None:
                return Report(len(came), broken, _way(came, state), reached)
            for name, after in steps(state):
                if after not in came:
                    came[after] = (name, state)
                    following.append(after)
        if len(came) > limit:
            message = f"more than {limit} states"
            raise AssertionError(message)
        wave = following
    return Report(len(came), reached=reached)


def _way(came: dict[State, tuple[str, State] | None], state: State) -> tuple[str, ...]:
    names = []
    before = came[state]
    while before is not None:
        names.append(before[0])
        before = came[before[1]]
    return tuple(reversed(names))
