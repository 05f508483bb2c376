"""Leases: one worker at a time does a background duty."""

import secrets
from datetime import timedelta

from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script

_LEASE = Script("lease")
_MILLISECOND = timedelta(milliseconds=1)


class RedisLease:
    """A claim to a duty, for a time. Two may hold it after an outage: duties MUST bear that."""

    def __init__(self, connection: RedisConnection, name: str, ttl: timedelta) -> None:
        self._connection = connection
        self._key = keys.lease(name)
        self._token = secrets.token_bytes(16)
        self._milliseconds = ttl // _MILLISECOND

    def acquire(self) -> bool:
        """Take the lease or renew one's own, and say whether it is held now.

        Raises:
            StoreUnavailable: Redis does not answer.

        """
        call = Call(_LEASE, (self._key,), (self._token, self._milliseconds))
        return self._connection.run_unfenced([call]) == [1]

    def release(self) -> None:
        """Let another have it at once, if it is one's own.

        Raises:
            StoreUnavailable: Redis does not answer; then it ends by itself.

        """
        self._connection.run_unfenced([Call(_LEASE, (self._key,), (self._token, 1))])
