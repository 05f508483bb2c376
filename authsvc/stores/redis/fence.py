"""The fence in Redis (FencedStore): a value in every partition. `trust.py` says why it is safe."""

import secrets

from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script

_BEGIN_RESTORE = Script("begin_restore")
_SET_FENCE = Script("set_fence")

_RESTORE_MILLISECONDS = 10 * 60 * 1000
"""No restore takes longer; its marks are gone after that."""


class RedisFence:
    """Sets the fence of all partitions, and what the connection expects."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def begin_restore(self) -> bytes:
        """See FencedStore."""
        mark = secrets.token_bytes(16)
        self._connection.trust.begin()
        self._connection.run_unfenced(
            [
                Call(_BEGIN_RESTORE, (keys.restore(partition, mark),), (_RESTORE_MILLISECONDS,))
                for partition in keys.PARTITIONS
            ]
        )
        return mark

    def set_fence(self, fence: bytes, *, restore: bytes) -> bool:
        """See FencedStore."""
        answers = self._connection.run_unfenced(
            [
                Call(
                    _SET_FENCE, (keys.fence(partition), keys.restore(partition, restore)), (fence,)
                )
                for partition in keys.PARTITIONS
            ]
        )
        return all(answers) and self._connection.trust.accept(fence)
