"""No stale accept in any order of steps (P-REV-1), and each part of the protocol is needed."""

import pytest

from tests.model.leases import search
from tests.model.state import Bounds


def _kinds(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


_SOUND = {
    "a worker from its start": Bounds((1,), (2,)),
    "two workers with leases": Bounds((0, 0), (1, 1), warm=2),
    "a worker that leaves": Bounds((0, 0), (1, 0), warm=2, faults=1, kinds=_kinds("leave")),
    "a revoker that dies": Bounds((0, 0), (1, 0), warm=2, faults=1, kinds=_kinds("revoker dies")),
}

_DEEP = {
    "a worker that crashes or gives up": Bounds(
        (1,), (2,), warm=1, faults=1, kinds=_kinds("crash", "give up")
    ),
    "an emptied redis": Bounds((0, 1), (0, 1), warm=1, faults=1, kinds=_kinds("flush")),
    "a redis that lost a suffix": Bounds(
        (1,), (2,), warm=1, faults=1, kinds=_kinds("lose"), lease=1
    ),
    "an isolated redis that stops at once": Bounds(
        (1, 0), (1, 0), warm=2, faults=1, kinds=_kinds("isolate"), lease=1
    ),
}

_WRONG = {
    "a lease counts from the reply": Bounds((0,), (1,), warm=1),
    "a strike does not compare the counter": Bounds((0,), (1,), warm=1),
    "a span counts from the sending of a look": Bounds((0,), (1,), warm=1),
    "a renewal needs no membership": Bounds((0,), (1,), warm=1),
    "verify reads the index before the lease": Bounds((1,), (2,), warm=1),
    "a process bears its predecessor's name": Bounds((0, 1), (0, 1), warm=1),
    "a member bears the worker's name": Bounds(
        (1,), (1,), warm=1, revisions=2, faults=1, kinds=_kinds("crash")
    ),
    "who leaves still answers": Bounds((0, 0), (1, 0), warm=2, faults=1, kinds=_kinds("leave")),
    "the server of a roll is not compared": Bounds(
        (0,), (1,), warm=1, faults=1, kinds=_kinds("lose")
    ),
}

_WRONG_DEEP = {
    "the journal is loaded before enrolling": Bounds((0, 1), (1, 1), warm=1),
    "a book is settled when it is founded": Bounds(
        (0, 1), (0, 1), warm=1, faults=1, kinds=_kinds("flush")
    ),
    "who finds a revocation only waits": Bounds(
        (1, 0), (1, 0), warm=2, faults=1, kinds=_kinds("crash")
    ),
    "the fallback only reads": Bounds(
        (1, 0), (1, 0), warm=2, faults=1, kinds=_kinds("isolate"), lease=1
    ),
}


@pytest.mark.parametrize("bounds", _SOUND.values(), ids=_SOUND.keys())
def test_p_rev_1_no_order_of_steps_accepts_after_the_answer(bounds: Bounds) -> None:
    report = search(bounds)

    assert report.fault is None, report
    assert report.reached, "no revocation is ever told: the model proves nothing"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("bounds", _DEEP.values(), ids=_DEEP.keys())
def test_p_rev_1_no_longer_order_of_steps_accepts_after_the_answer(bounds: Bounds) -> None:
    report = search(bounds)

    assert report.fault is None, report
    assert report.reached, "no revocation is ever told: the model proves nothing"


@pytest.mark.parametrize(("wrong", "bounds"), _WRONG.items(), ids=_WRONG.keys())
def test_p_rev_1_every_part_of_the_protocol_is_needed(wrong: str, bounds: Bounds) -> None:
    assert search(bounds, wrong).fault


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "bounds"), _WRONG_DEEP.items(), ids=_WRONG_DEEP.keys())
def test_p_rev_1_the_parts_that_take_long_to_miss_are_needed(wrong: str, bounds: Bounds) -> None:
    assert search(bounds, wrong).fault


@pytest.mark.slow
def test_p_rev_1_an_isolated_redis_must_stop_writing_before_another_takes_over() -> None:
    bounds = Bounds(
        (0, 1), (1, 1), warm=1, faults=1, kinds=_kinds("isolate"), old_writes=1, lease=1
    )

    assert search(bounds).fault
