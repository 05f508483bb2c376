"""Looks for an oracle: whether answers that must not differ can be told apart, by text or by time.

A case is a way to be refused. Cases are asked in random order, so that whatever else the machine
does falls on all alike. How far two cases are apart is the chance that a time of the one is longer
than one of the other (the effect size of the Mann-Whitney test): 0.5 if nothing tells them apart,
0 or 1 if one answer tells all.
"""

import bisect
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import grpc

Ask = Callable[[], object]
"""A call that must be refused."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a case was answered."""

    texts: frozenset[object]
    """Status and details of each answer, to the byte."""
    seconds: Sequence[float]


def ask_all(
    cases: Mapping[str, Sequence[Ask]], *, text_of: Callable[[grpc.RpcError], object]
) -> dict[str, Answers]:
    """Ask every question of every case once, in random order."""
    order = [(name, ask) for name, asks in cases.items() for ask in asks]
    random.shuffle(order)
    texts: dict[str, set[object]] = {name: set() for name in cases}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for name, ask in order:
        started = time.perf_counter()
        error = _refusal(ask)
        seconds[name].append(time.perf_counter() - started)
        texts[name].add(text_of(error))
    return {name: Answers(frozenset(texts[name]), seconds[name]) for name in cases}


def chance_of_longer(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Give the chance that one of ours is longer than one of theirs; a tie counts half."""
    ordered = sorted(theirs)
    wins = sum(bisect.bisect_left(ordered, one) + bisect.bisect_right(ordered, one) for one in ours)
    return wins / (2 * len(ours) * len(theirs))


def farthest(answers: Mapping[str, Answers]) -> tuple[float, str]:
    """Give how far the times of the two cases that differ most are from 0.5, and which they are."""
    names = sorted(answers)
    return max(
        (
            abs(chance_of_longer(answers[one].seconds, answers[other].seconds) - 0.5),
            f"{one}, {other}",
        )
        for number, one in enumerate(names)
        for other in names[number + 1 :]
    )


def _refusal(ask: Ask) -> grpc.RpcError:
    try:
        answer = ask()
    except grpc.RpcError as error:
        return error
    raise AssertionError(answer)
