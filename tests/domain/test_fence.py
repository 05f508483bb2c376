"""The fence: whose restore counts, and that an old fence never stays (P-FLT-2, P-KEY-3)."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import pytest

from authsvc.domain.fence import FenceKeeper
from authsvc.domain.revocation import (
    Revocation,
    RevocationKind,
)
from authsvc.errors import StoreUnavailable
from tests.stores.races import at_once

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class _Stores:
    """SQL and Redis as far as the fence goes, in memory; `at` runs what happens at a step."""

    def __init__(self) -> None:
        self.fence = b"first"
        self.set_fences: list[bytes] = []
        self.steps: list[str] = []
        self.at: dict[str, list[object]] = {}
        self.loses = 0

    def _step(self, name: str) -> None:
        self.steps.append(name)
        actions = self.at.get(name)
        if actions:
            actions.pop(0)()  # type: ignore[operator]

    def current(self) -> bytes:
        fence = self.fence
        self._step("read fence")
        return fence

    def head(self) -> int:
        return 0

    def begin_restore(self) -> bytes:
        self._step("begin")
        return b"mark"

    def set_fence(self, fence: bytes, *, restore: bytes) -> bool:
        self._step("set fence")
        if self.loses:
            self.loses -= 1
            return False
        self.set_fences.append(fence)
        return True

    def reload_keys(self) -> None:
        self._step("load keys")

    def live(self, now: datetime) -> Iterator[Sequence[Revocation]]:
        yield [
            Revocation(
                revision=1,
                kind=RevocationKind.KEY,
                subject="kid",
                epoch=0,
                reason="",
                create_time=now,
                remember_until=now,
            )
        ]

    def apply(self, revocations: Sequence[Revocation], *, now: datetime) -> int:
        self._step("apply")
        return 0


def _keeper(stores: _Stores) -> FenceKeeper:
    return FenceKeeper(
        source=stores,
        journal=stores,
        marks=stores,
        fenced=stores,
        reload_keys=stores.reload_keys,
        clock=lambda: _NOW,
    )


def test_p_flt_2_the_fence_is_set_last() -> None:
    stores = _Stores()

    _keeper(stores).restore()

    expected = ["read fence", "begin", "apply", "load keys", "set fence", "read fence"]
    assert stores.steps == expected


def test_p_flt_2_a_redis_that_keeps_losing_its_data_stays_distrusted() -> None:
    stores = _Stores()
    stores.loses = 99

    with pytest.raises(StoreUnavailable):
        _keeper(stores).restore()

    assert stores.set_fences == []


def test_p_key_3_a_fence_that_was_changed_meanwhile_is_set_anew() -> None:
    stores = _Stores()
    stores.at["apply"] = [lambda: setattr(stores, "fence", b"second")]

    _keeper(stores).restore()

    assert stores.set_fences == [b"first", b"second"]
    assert stores.steps.count("load keys") == 2


def test_restores_that_are_asked_for_together_are_one() -> None:
    stores = _Stores()
    keeper = _keeper(stores)
    stores.at["begin"] = [partial(threading.Event().wait, 0.2)]

    at_once([keeper.restore] * 8)

    assert stores.steps.count("begin") == 1


def test_p_key_3_a_changed_fence_is_not_left_to_a_restore_that_has_read_the_old_one() -> None:
    stores = _Stores()
    keeper = _keeper(stores)
    finishing, may_finish = threading.Event(), threading.Event()

    def at_the_end() -> None:
        finishing.set()
        may_finish.wait(5)

    # The second reading of the fence is the last step of a restore.
    stores.at["read fence"] = [lambda: None, at_the_end]
    slow = threading.Thread(target=keeper.restore)
    slow.start()
    assert finishing.wait(5)
    stores.fence = b"second"
    enforcing = threading.Thread(target=keeper.enforce)
    enforcing.start()
    may_finish.set()
    slow.join(5)
    enforcing.join(5)

    assert stores.set_fences[-1] == b"second"
