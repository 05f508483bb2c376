"""Throttles, leases and the check of the configuration, on each engine."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from authsvc.domain.throttling import Bucket
from authsvc.errors import StoreUnavailable, TooManyAttempts
from authsvc.stores.redis.configuration import verify_configuration
from authsvc.stores.redis.leases import RedisLease
from authsvc.stores.redis.throttles import RedisThrottle
from tests.stores.hot.process import NOW, Hot

MINUTE = timedelta(minutes=1)


def _bucket(key: str, limit: int = 3, window: timedelta = MINUTE, name: str = "login") -> Bucket:
    return Bucket(name=name, key=key, limit=limit, window=window)


def _reserves(throttle: RedisThrottle, *buckets: Bucket) -> bool:
    try:
        throttle.reserve(buckets, now=NOW)
    except TooManyAttempts:
        return False
    return True


def test_p_thr_1_parallel_attempts_are_counted_exactly(hot: Hot) -> None:
    throttle = RedisThrottle(hot.connection)
    with ThreadPoolExecutor(32) as threads:
        taken = list(threads.map(lambda _: _reserves(throttle, _bucket("a", 10)), range(200)))
    assert sum(taken) == 10


def test_the_wait_is_honest(hot: Hot) -> None:
    throttle = RedisThrottle(hot.connection)
    bucket = _bucket("a", 1, timedelta(milliseconds=300))
    throttle.reserve([bucket], now=NOW)
    with pytest.raises(TooManyAttempts) as caught:
        throttle.reserve([bucket], now=NOW)
    assert timedelta(0) < caught.value.retry_after <= bucket.window

    time.sleep(caught.value.retry_after.total_seconds() + 0.01)
    throttle.reserve([bucket], now=NOW)


def test_a_refusal_takes_from_no_bucket(hot: Hot) -> None:
    throttle = RedisThrottle(hot.connection)
    wide, narrow = _bucket("peer", 2), _bucket("account", 1)
    throttle.reserve([narrow], now=NOW)
    for _ in range(5):
        assert not _reserves(throttle, wide, narrow)
    assert _reserves(throttle, wide)
    assert _reserves(throttle, wide)
    assert not _reserves(throttle, wide)


def test_an_attempt_can_be_given_back_but_not_twice(hot: Hot) -> None:
    throttle = RedisThrottle(hot.connection)
    throttle.reserve([_bucket("a", 1)], now=NOW)
    throttle.release([_bucket("a", 1)])
    throttle.release([_bucket("a", 1)])
    assert _reserves(throttle, _bucket("a", 1))
    assert not _reserves(throttle, _bucket("a", 1))


@pytest.mark.parametrize(
    "hostile", ["*", "{a}", "a\0b", "\uff41", "x" * 10_000, "", "\r\nFLUSHALL\r\n"]
)
def test_hostile_names_are_kept_apart_and_not_in_clear(hot: Hot, hostile: str) -> None:
    throttle = RedisThrottle(hot.connection)
    throttle.reserve([_bucket(hostile, 1)], now=NOW)
    assert _reserves(throttle, _bucket("another", 1))
    assert _reserves(throttle, _bucket("n" + hostile, 1, name="logi"))
    assert not _reserves(throttle, _bucket(hostile, 1))
    with hot.server.client() as client:
        assert all(len(key) < 24 for key in client.keys("*"))


def test_without_redis_nobody_gets_an_attempt(doomed: Hot) -> None:
    throttle = RedisThrottle(doomed.connection)
    throttle.reserve([_bucket("a")], now=NOW)
    doomed.server.kill()
    with pytest.raises(StoreUnavailable):
        throttle.reserve([_bucket("a")], now=NOW)
    doomed.server.start()


def test_a_lease_is_held_by_one_and_renewed_by_its_holder(hot: Hot) -> None:
    ttl = timedelta(milliseconds=300)
    one, two = (RedisLease(hot.connection, "relay", ttl) for _ in range(2))

    assert one.acquire()
    assert not two.acquire()
    time.sleep(0.2)
    assert one.acquire()
    time.sleep(0.2)
    assert not two.acquire()
    time.sleep(0.2)
    assert two.acquire()
    assert not one.acquire()


def test_p_cfg_1_a_fit_server_has_no_faults(hot: Hot) -> None:
    assert verify_configuration(hot.connection, require_persistence=True) == []


def test_p_cfg_1_an_evicting_or_forgetful_server_is_unfit(doomed: Hot) -> None:
    with doomed.server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    faults = verify_configuration(doomed.connection, require_persistence=True)

    assert len(faults) == 2
    assert "allkeys-lru" in faults[0]
    assert "appendonly" in faults[1]
    assert len(verify_configuration(doomed.connection, require_persistence=False)) == 1
