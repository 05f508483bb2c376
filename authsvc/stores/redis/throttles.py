"""Counts attempts in Redis (Throttle). Fails closed: without Redis nobody gets an attempt."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from authsvc.domain.throttling import Bucket
from authsvc.errors import TooManyAttempts
from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script

_RESERVE = Script("reserve")
_RELEASE = Script("release")

_MILLISECOND = timedelta(milliseconds=1)


class RedisThrottle:
    """A counter for each bucket, that lives as long as its window.

    It is the count that expires, on the clock of Redis alone: no `now` can shorten the wait.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def reserve(
        self,
        buckets: Sequence[Bucket],
        *,
        now: datetime,  # noqa: ARG002 - windows are counted by the clock of Redis
    ) -> Sequence[int]:
        """See Throttle."""
        answers: list[int] = self._connection.run_unfenced([_reservation(b) for b in buckets])
        if min(answers) > 0:
            return answers
        self._give_back([b for b, taken in zip(buckets, answers, strict=True) if taken > 0])
        refusals = [
            (-answer * _MILLISECOND if bucket.wait is None else bucket.wait, bucket.name)
            for bucket, answer in zip(buckets, answers, strict=True)
            if answer < 0
        ]
        wait, name = max(refusals)
        raise TooManyAttempts(name, retry_after=wait)

    def release(self, buckets: Sequence[Bucket]) -> None:
        """See Throttle."""
        self._give_back(buckets)

    def _give_back(self, buckets: Sequence[Bucket]) -> None:
        self._connection.run_unfenced([Call(_RELEASE, (_key(bucket),)) for bucket in buckets])


def _reservation(bucket: Bucket) -> Call:
    return Call(_RESERVE, (_key(bucket),), (bucket.limit, bucket.window // _MILLISECOND))


def _key(bucket: Bucket) -> bytes:
    """Whom a bucket is about is kept as a hash; the length keeps name and key apart."""
    name = bucket.name.encode()
    digest = hashlib.sha256(len(name).to_bytes(2) + name + bucket.key.encode()).digest()
    return keys.throttle(digest[:16])
