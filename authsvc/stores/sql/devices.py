"""Known devices in SQL."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, insert, select, update

from authsvc.domain.devices import Device
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

    def is_known(self, pseudonym: bytes) -> bool:
        """Say whether a device is known."""
        return self._last_use(pseudonym) is not None

    def remember(self, device: Device, *, limit: int, now: datetime) -> None:
        """Make a device known or note that it was used; see `DeviceStore.remember`."""
        last_use = self._last_use(device.pseudonym)
        if last_use is None or now - last_use >= _EXACT_TO:
            write(self._engine, lambda connection: _remember(connection, device, limit, now))

    def purge(self, now: datetime) -> int:
        """Forget devices that have not been used for long; say how many."""
        return purge(self._engine, devices.c.pseudonym, devices.c.last_use_time < now - _REMEMBER)

    def _last_use(self, pseudonym: bytes) -> datetime | None:
        query = select(devices.c.last_use_time).where(devices.c.pseudonym == pseudonym)
        with read(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()


def forget_devices(connection: Connection, account_id: str) -> None:
    """Forget an account's devices as part of a transaction."""
    connection.execute(delete(devices).where(devices.c.account_id == account_id))


def _remember(connection: Connection, device: Device, limit: int, now: datetime) -> None:
    # Locks the account, so that of two logins at once both keep to the limit, and none of them
    # makes a device known that a raised epoch has just forgotten.
    epoch = select(accounts.c.epoch).where(accounts.c.account_id == device.account_id)
    if connection.execute(epoch.with_for_update()).scalar() != device.epoch:
        return
    this = devices.c.pseudonym == device.pseudonym
    if not connection.execute(select(devices).where(this)).first():
        values = {"pseudonym": device.pseudonym, "account_id": device.account_id}
        connection.execute(insert(devices).values(values | {"last_use_time": now}))
    else:
        connection.execute(update(devices).where(this).values(last_use_time=now))
    oldest = connection.scalars(
        select(devices.c.pseudonym)
        .where(devices.c.account_id == device.account_id)
        .order_by(devices.c.last_use_time.desc(), devices.c.pseudonym)
        .offset(limit)
        .limit(limit)
    ).all()
    connection.execute(delete(devices).where(devices.c.pseudonym.in_(oldest)))
