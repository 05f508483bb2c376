"""When signing keys sign, verify and go, over the store that production uses (P-KEY-1, 3, 4)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from authsvc.domain.key_standing import KeyState, standings
from authsvc.domain.keys import KeyPolicy, Keys
from authsvc.domain.signing_keys import SigningKey, generate_key
from authsvc.errors import StoreUnavailable
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.keys import SqlKeyStore
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.sealing import Sealer
from tests.stores.outbox import EVENT, event_of, outbox
from tests.stores.races import at_once

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_POLICY = KeyPolicy(
    publication_time=15 * _MINUTE,
    rotation_period=timedelta(days=30),
    token_lifetime=131 * _MINUTE,
    algorithm="EdDSA",
)


class _Clock:
    now = _NOW

    def __call__(self) -> datetime:
        return self.now


class _CountingStore(SqlKeyStore):
    """Counts how often it is asked, and can refuse to answer."""

    loads = 0
    is_down = False

    def list(self) -> Sequence[SigningKey]:
        """Give all keys."""
        self.loads += 1
        if self.is_down:
            raise StoreUnavailable
        return super().list()


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[_CountingStore]:
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    upgrade(engine)
    yield _CountingStore(engine, outbox(engine), Sealer(bytes(range(32))))
    engine.dispose()


@pytest.fixture(name="clock")
def _clock() -> _Clock:
    return _Clock()


@pytest.fixture(name="keys")
def _keys(store: _CountingStore, clock: _Clock) -> Keys:
    keys = Keys(store=store, policy=_POLICY, clock=clock)
    keys.rotate_if_due()
    return keys


def _states(keys: Keys) -> list[KeyState]:
    return [standing.state for standing in keys.describe()]


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_key_shows_its_private_part_nowhere(algorithm: str) -> None:
    key = generate_key(algorithm, now=_NOW, activate_time=_NOW)

    assert repr(key.private_key) not in repr(key)
    assert {"d", "p", "q", "dp", "dq", "qi", "k", "key_ops"}.isdisjoint(key.public_jwk)


def test_p_key_1_each_key_follows_from_the_times_alone() -> None:
    times = [_NOW - timedelta(days=2), _NOW - timedelta(days=1), _NOW + _MINUTE]
    oldest, old, next_ = (generate_key("EdDSA", now=time, activate_time=time) for time in times)

    found = standings([old, next_, oldest], now=_NOW, token_lifetime=_POLICY.token_lifetime)

    assert [(one.key, one.state) for one in found] == [
        (next_, KeyState.PENDING),
        (old, KeyState.ACTIVE),
        (oldest, KeyState.RETIRED),
    ]
    assert found[1].expire_time is None
    assert found[2].expire_time == old.activate_time + _POLICY.token_lifetime


def test_p_key_1_the_next_key_is_made_once_and_takes_over_in_time(
    keys: Keys, clock: _Clock
) -> None:
    first = keys.signing_key().key_id
    clock.now += _POLICY.rotation_period
    keys.rotate_if_due()
    keys.rotate_if_due()
    assert _states(keys) == [KeyState.PENDING, KeyState.ACTIVE]
    assert keys.signing_key().key_id == first

    clock.now += _POLICY.publication_time
    assert _states(keys) == [KeyState.ACTIVE, KeyState.RETIRED]

    clock.now += _POLICY.token_lifetime - _MINUTE
    keys.forget_expired()
    assert len(keys.published()) == 2
    clock.now += 2 * _MINUTE
    keys.forget_expired()
    assert _states(keys) == [KeyState.ACTIVE]


def test_p_key_3_a_revoked_key_leaves_the_ring_and_another_signs(keys: Keys, clock: _Clock) -> None:
    first = keys.signing_key().key_id
    clock.now += _MINUTE
    keys.rotate(event_of, activate_immediately=True)
    second = keys.signing_key().key_id

    clock.now += _MINUTE
    keys.revoke(second, reason="test", event=EVENT)

    assert keys.ring.find(second) is None
    assert keys.ring.find(first) is not None
    assert keys.signing_key().key_id not in (first, second)


def test_p_key_3_a_revoked_key_that_never_signed_leaves_the_active_one(keys: Keys) -> None:
    first = keys.signing_key().key_id
    pending = keys.rotate(event_of)[0].key.key_id

    keys.revoke(pending, reason="test", event=EVENT)

    assert keys.signing_key().key_id == first
    assert _states(keys) == [KeyState.REVOKED, KeyState.ACTIVE]


def test_p_key_4_a_thousand_unknown_keys_cost_one_look_a_second(
    keys: Keys, store: _CountingStore, clock: _Clock
) -> None:
    clock.now += 2 * _MINUTE
    before, ring = store.loads, keys.ring

    at_once([keys.look_for_unknown_key] * 16)
    for _ in range(1000):
        keys.look_for_unknown_key()
    assert store.loads == before + 1
    assert keys.ring is ring

    clock.now += timedelta(seconds=1)
    keys.look_for_unknown_key()
    assert store.loads == before + 2


def test_p_key_4_a_failed_look_keeps_the_ring_and_says_that_it_does_not_know(
    keys: Keys, store: _CountingStore, clock: _Clock
) -> None:
    clock.now += _MINUTE
    before, ring = store.loads, keys.ring
    store.is_down = True

    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            keys.look_for_unknown_key()

    assert store.loads == before + 1
    assert keys.ring is ring
    assert keys.signing_key()
    store.is_down = False
    clock.now += timedelta(seconds=1)
    keys.look_for_unknown_key()


def test_p_key_1_whoever_waits_for_a_look_sees_what_it_found(
    store: _CountingStore, clock: _Clock
) -> None:
    maker = Keys(store=store, policy=_POLICY, clock=clock)
    maker.rotate_if_due()
    for _ in range(20):
        other = Keys(store=store, policy=_POLICY, clock=clock)
        key_id = maker.rotate(event_of, activate_immediately=True)[0].key.key_id
        clock.now += timedelta(seconds=2)

        def finds(keys: Keys, wanted: str) -> bool:
            keys.look_for_unknown_key()
            return keys.ring.find(wanted) is not None

        assert all(at_once([partial(finds, other, key_id)] * 8))


def test_others_are_told_when_the_ring_changes_and_only_then(
    store: _CountingStore, clock: _Clock
) -> None:
    keys = Keys(store=store, policy=_POLICY, clock=clock)
    told: list[int] = []
    keys.on_change = lambda: told.append(len(keys.published()))
    keys.rotate_if_due()
    keys.reload()
    assert told == [1]
    keys.rotate(event_of)
    keys.reload()
    assert told == [1, 2]


def test_processes_that_start_together_make_one_key(store: _CountingStore, clock: _Clock) -> None:
    processes = [Keys(store=store, policy=_POLICY, clock=clock) for _ in range(8)]

    at_once([process.rotate_if_due for process in processes])

    assert len(store.list()) == 1
    assert len({process.signing_key().key_id for process in processes}) == 1
