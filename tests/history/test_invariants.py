"""The judge of histories sees what is wrong, and lets pass what is right."""

import pytest

from tests.history.invariants import violations
from tests.history.recording import Operation

GOOD = [
    Operation("verify", "s", "a", 0, 1, "active"),
    Operation("revoke", "s", "", 1, 3, "ok"),
    Operation("verify", "s", "a", 2, 4, "active"),  # began before the answer
    Operation("local", "s", "a", 3.5, 3.6, "active"),  # the library may lag
    Operation("verify", "s", "a", 5, 6, "inactive"),
    Operation("verify", "s", "a", 5, 6, "unknown"),
    Operation("refresh", "t", "r", 0, 1, "r2"),
    Operation("refresh", "t", "r", 0, 1, "r2"),
    Operation("refresh", "t", "r", 2, 3, "inactive"),
]


def test_a_good_history_passes() -> None:
    assert violations(GOOD, max_staleness=1) == []


@pytest.mark.parametrize(
    "bad",
    [
        Operation("verify", "s", "a", 3.1, 3.2, "active"),
        Operation("verify", "s", "other token", 9, 9, "active"),
        Operation("local", "s", "a", 4.1, 4.2, "active"),
        Operation("refresh", "t", "r", 9, 9, "another"),
    ],
)
def test_one_bad_answer_is_found(bad: Operation) -> None:
    assert len(violations([*GOOD, bad], max_staleness=1)) == 1


def test_p_rev_3_inactive_and_then_active_is_found_without_any_revocation() -> None:
    history = [
        Operation("verify", "s", "a", 0, 1, "inactive"),
        Operation("verify", "s", "a", 1.5, 2, "active"),
    ]
    assert len(violations(history, max_staleness=1)) == 1
