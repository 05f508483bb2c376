"""The contract of DeviceStore on every database."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, text

from authsvc.domain.accounts import Account, AccountChange, EndTokens
from authsvc.domain.devices import Device
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.devices import SqlDeviceStore
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlDeviceStore:
    return SqlDeviceStore(engine)


@pytest.fixture(name="device")
def _device(engine: Engine, account: Account) -> Device:
    SqlAccountStore(engine, outbox(engine)).create(account, event=EVENT)
    return Device(pseudonym=b"d" * 32, account_id=account.account_id, epoch=account.epoch)


def numbered(device: Device, number: int) -> Device:
    """Another device of the same account."""
    return replace(device, pseudonym=number.to_bytes(32))


def known(store: SqlDeviceStore, device: Device, count: int) -> set[int]:
    """Which of the numbered devices are known."""
    return {n for n in range(count) if store.is_known(numbered(device, n).pseudonym)}


def test_a_device_is_known_from_its_first_login_on(
    store: SqlDeviceStore, device: Device, now: datetime
) -> None:
    assert not store.is_known(device.pseudonym)
    store.remember(device, limit=10, now=now)
    store.remember(device, limit=10, now=now)
    assert store.is_known(device.pseudonym)
    assert not store.is_known(b"e" * 32)


def test_p_thr_1_the_device_used_longest_ago_is_forgotten_beyond_the_limit(
    store: SqlDeviceStore, device: Device, now: datetime
) -> None:
    for number in range(3):
        store.remember(numbered(device, number), limit=3, now=now + number * HOUR)
    store.remember(numbered(device, 0), limit=3, now=now + DAY + HOUR)
    store.remember(numbered(device, 3), limit=3, now=now + DAY + 2 * HOUR)
    assert known(store, device, 4) == {0, 2, 3}


def test_p_thr_1_parallel_logins_keep_to_the_limit(
    store: SqlDeviceStore, device: Device, now: datetime
) -> None:
    calls = [
        partial(store.remember, numbered(device, number), limit=1, now=now) for number in range(8)
    ]
    assert at_once(calls) == [None] * 8
    assert len(known(store, device, 8)) == 1


def test_p_rev_4_a_raised_epoch_forgets_devices_and_the_logins_that_raced_it(
    store: SqlDeviceStore,
    device: Device,
    *,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
    engine: Engine,
) -> None:
    store.remember(device, limit=10, now=now)
    accounts = SqlAccountStore(engine, outbox(engine))
    changed, _ = accounts.change(
        account.account_id, AccountChange(), now=now, end_tokens=end_tokens, event=EVENT
    )
    assert not store.is_known(device.pseudonym)

    store.remember(device, limit=10, now=now)
    assert not store.is_known(device.pseudonym)

    store.remember(replace(device, epoch=changed.epoch), limit=10, now=now)
    assert store.is_known(device.pseudonym)


def test_nothing_is_kept_about_a_deleted_account(
    store: SqlDeviceStore,
    device: Device,
    *,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
    engine: Engine,
) -> None:
    store.remember(device, limit=10, now=now)
    SqlAccountStore(engine, outbox(engine)).delete(
        account.account_id, now=now, end_tokens=end_tokens, event=EVENT
    )
    store.remember(device, limit=10, now=now)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM devices")) == 0


def test_a_device_that_is_not_used_is_forgotten(
    store: SqlDeviceStore, device: Device, now: datetime
) -> None:
    store.remember(device, limit=10, now=now)
    assert store.purge(now + 400 * DAY) == 0
    assert store.purge(now + 401 * DAY) == 1
    assert not store.is_known(device.pseudonym)
