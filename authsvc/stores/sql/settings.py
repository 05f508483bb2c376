"""What the service itself must remember: the fence, and the secrets of all its processes."""

import secrets

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from authsvc.stores.sql.schema import settings
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.transactions import read, write

_FENCE = "fence"
_FENCE_BYTES = 16


class SqlSettings:
    """A `FenceSource`, and the keeper of the service's own secrets."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    def current(self) -> bytes:
        """Give the fence; the first call ever makes it."""
        return self._find(_FENCE) or self._keep_first(_FENCE, _new_fence())

    def secret(self, name: str, size: int) -> bytes:
        """Give the secret of a name, the same to every process; the first call ever makes it.

        Raises:
            StoreUnavailable: The database does not answer.
            WrongMasterKey: It was sealed under another master key.
            SealBroken: It was damaged.
            ValueError: It was made with another size (bytes).

        """
        purpose = f"secret:{name}"
        sealed = self._find(purpose)
        if sealed is None:
            fresh = self._sealer.seal(secrets.token_bytes(size), purpose)
            sealed = self._keep_first(purpose, fresh)
        value = self._sealer.open(sealed, purpose)
        if len(value) != size:
            message = f"the secret {name} is {len(value)} bytes long, not {size}"
            raise ValueError(message)
        return value

    def _find(self, name: str) -> bytes | None:
        with read(self._engine) as connection:
            query = select(settings.c.value).where(settings.c.name == name)
            return connection.execute(query).scalar_one_or_none()

    def _keep_first(self, name: str, value: bytes) -> bytes:
        """Keep a value unless another process was faster; give the one that is kept."""

        def work(connection: Connection) -> bool:
            try:
                connection.execute(insert(settings).values(name=name, value=value))
            except IntegrityError:
                connection.rollback()
                return False
            return True

        if write(self._engine, work):
            return value
        return self._find(name) or self._keep_first(name, value)


def renew_fence(connection: Connection) -> None:
    """Replace the fence as part of a transaction, so that every process loads the keys anew."""
    fence = _new_fence()
    this = settings.c.name == _FENCE
    if connection.execute(update(settings).where(this).values(value=fence)).rowcount == 0:
        connection.execute(insert(settings).values(name=_FENCE, value=fence))


def _new_fence() -> bytes:
    return secrets.token_bytes(_FENCE_BYTES)
