"""A duty that fails or hangs holds up no other, and health follows each store by itself."""

import threading
from collections.abc import Mapping

from authsvc.duties import Duties, Duty, HealthCheck
from authsvc.errors import StoreUnavailable

_NEEDS = {
    "none": frozenset[str](),
    "hot": frozenset(("redis",)),
    "both": frozenset(("redis", "sql")),
}


def _fail() -> None:
    raise StoreUnavailable


def _answer() -> None:
    pass


def test_a_duty_that_hangs_holds_up_no_other() -> None:
    released, turns = threading.Event(), threading.Semaphore(0)
    duties = Duties(
        Duty("hangs", lambda: released.wait(30) and None, every=0.01),
        Duty("goes on", turns.release, every=0.01),
    )
    duties.start()
    try:
        assert all(turns.acquire(timeout=5) for _ in range(3))
    finally:
        released.set()
        duties.stop()


def test_a_duty_that_failed_is_tried_again() -> None:
    turns = threading.Semaphore(0)

    def fail() -> None:
        turns.release()
        message = "unforeseen"
        raise RuntimeError(message)

    duties = Duties(Duty("fails", fail, every=0.01))
    duties.start()
    try:
        assert all(turns.acquire(timeout=5) for _ in range(3))
    finally:
        duties.stop()


def test_p_flt_1_health_is_that_of_the_stores_that_a_service_needs() -> None:
    told: list[Mapping[str, bool]] = []
    check = HealthCheck(needs=_NEEDS, update=told.append)

    check.probe("redis", _answer)
    check.probe("sql", _answer)
    check.probe("sql", _fail)
    check.probe("redis", _fail)

    assert told == [
        {"none": True, "hot": True, "both": False},
        {"none": True, "hot": True, "both": True},
        {"none": True, "hot": True, "both": False},
        {"none": True, "hot": False, "both": False},
    ]
