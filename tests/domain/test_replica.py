"""The copy in memory is believed under a lease, and knows of keys, too (P-REV-1, P-KEY-3)."""

from datetime import UTC, datetime, timedelta

import pytest

from authsvc.domain.feed import RevocationFeed
from authsvc.domain.replica import ReadLease, RevocationReplica
from authsvc.domain.revocation import Revocation
from authsvc.errors import StoreUnavailable
from authsvc.verify.revocations import RevocationIndex, RevocationKind

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class _Steady:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_p_rev_1_a_lease_lasts_from_when_its_renewal_was_asked_for() -> None:
    steady = _Steady()
    lease = ReadLease(timedelta(seconds=2), steady=steady)
    assert not lease.holds()

    lease.extend(99.0)
    assert lease.holds()
    steady.now = 101.0
    assert not lease.holds()


def test_p_rev_1_a_lease_that_was_given_up_comes_back_by_no_late_renewal() -> None:
    lease = ReadLease(timedelta(seconds=2), steady=_Steady())
    lease.extend(100.0)
    lease.give_up()
    lease.extend(100.0)
    assert not lease.holds()


def test_p_key_3_a_revoked_key_is_out_of_the_ring_before_anyone_hears_that_it_was_applied() -> None:
    feed = RevocationFeed()
    heard: list[int] = []

    def reload_keys() -> None:
        heard.append(feed.revision)
        if len(heard) == 1:
            raise StoreUnavailable

    replica = RevocationReplica(
        index=RevocationIndex(),
        feed=feed,
        lease=ReadLease(timedelta(seconds=2), steady=_Steady()),
        reload_keys=reload_keys,
    )
    killed = Revocation(
        revision=1,
        kind=RevocationKind.KEY,
        subject="kid",
        epoch=0,
        reason="",
        create_time=NOW,
        remember_until=NOW + timedelta(hours=1),
    )

    with pytest.raises(StoreUnavailable):
        replica.apply([killed], revision=1)
    assert replica.revision == 0

    replica.apply([killed], revision=1)
    assert replica.revision == 1
    assert heard == [0, 0]
