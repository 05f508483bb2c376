"""A connection to PostgreSQL that does not wait for ever.

The server's own timeouts end a slow statement or a lock. They can't help when the server or the
network stands still, which libpq would wait for without end.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

_T = TypeVar("_T")


class ImpatientConnection(psycopg.Connection[Any]):
    """Gives up, and closes itself, when an answer is late."""

    answer_seconds: float = 0.0

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """Wait for an answer.

        Raises:
            psycopg.OperationalError: There was none in time.

        """
        limit = self.answer_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval=interval, timeout=limit or None)
        except psycopg.OperationalError:
            # Still busy means that the answer is not there; it could come as the next one's.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise
