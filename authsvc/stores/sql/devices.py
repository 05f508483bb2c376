"""Known devices in SQL."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, insert, select, update

from authsvc.stores.sql.purging import purge
from authsvc.stores.sql.schema import accounts, devices
from authsvc.stores.sql.transactions import read, write

_EXACT_TO = timedelta(days=1)
"""How exactly the last use is known, so that most logins write nothing."""

_REMEMBER = timedelta(days=400)
"""How long an unused device is known: as long as browsers keep a cookie (RFC 6265bis, 5.5)."""


class SqlDeviceStore:
    """A `DeviceStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def is_known(self, device: bytes) -> bool:
        """Say whether a device is known."""
        return self._last_use(device) is not None

    def remember(
        self, account_id: str, device: bytes, *, epoch: int, limit: int, now: datetime
    ) -> None:
        """Make a device known or note that it was used; see `DeviceStore.remember`."""
        last_use = self._last_use(device)
        if last_use is not None and now - last_use < _EXACT_TO:
            return
        write(self._engine, lambda c: _remember(c, account_id, device, epoch, limit, now))

    def purge(self, now: datetime) -> int:
        """Forget devices that have not been used for long; say how many."""
        return purge(self._engine, devices.c.device, devices.c.last_use_time < now - _REMEMBER)

    def _last_use(self, device: bytes) -> datetime | None:
        query = select(devices.c.last_use_time).where(devices.c.device == device)
        with read(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()


def forget_devices(connection: Connection, account_id: str) -> None:
    """Forget an account's devices as part of a transaction."""
    connection.execute(delete(devices).where(devices.c.account_id == account_id))


def _remember(
    connection: Connection,
    account_id: str,
    device: bytes,
    epoch: int,
    limit: int,
    now: datetime,
) -> None:
    # Locks the account, so that of two logins at once both keep to the limit, and none of them
    # makes a device known that a raised epoch has just forgotten.
    mine = accounts.c.account_id == account_id
    if connection.execute(select(accounts.c.epoch).where(mine).with_for_update()).scalar() != epoch:
        return
    this = devices.c.device == device
    noted = connection.execute(update(devices).where(this).values(last_use_time=now)).rowcount
    if not noted:
        values = {"device": device, "account_id": account_id, "last_use_time": now}
        connection.execute(insert(devices).values(values))
    oldest = connection.scalars(
        select(devices.c.device)
        .where(devices.c.account_id == account_id)
        .order_by(devices.c.last_use_time.desc(), devices.c.device)
        .offset(limit)
        .limit(limit)
    ).all()
    connection.execute(delete(devices).where(devices.c.device.in_(oldest)))
