"""The contract of KeyStore, and of the fence and the secrets beside it, on every database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from authsvc.domain.identifiers import KeyId
from authsvc.domain.signing_keys import SigningKey
from authsvc.errors import KeyNotFound
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.keys import SqlKeyStore
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.schema import signing_keys
from authsvc.stores.sql.sealing import SealBroken, Sealer, WrongMasterKey
from authsvc.stores.sql.settings import SqlSettings
from authsvc.stores.sql.transactions import write
from authsvc.verify.revocations import RevocationKind
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

PRIVATE_KEY = b"the private key of a test, in clear" * 60


@pytest.fixture(name="store")
def _store(engine: Engine, sealer: Sealer) -> SqlKeyStore:
    return SqlKeyStore(engine, outbox(engine), sealer)


@pytest.fixture(name="settings")
def _settings(engine: Engine, sealer: Sealer) -> SqlSettings:
    return SqlSettings(engine, sealer)


@pytest.fixture(name="key")
def _key(now: datetime) -> SigningKey:
    return SigningKey(
        key_id=KeyId("A" * 43),
        algorithm="EdDSA",
        private_key=PRIVATE_KEY,
        public_jwk={"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "A" * 43},
        create_time=now,
        activate_time=now + timedelta(hours=1),
    )


@pytest.fixture(name="successor")
def _successor(key: SigningKey) -> SigningKey:
    # Its id sorts before the other's: only the times may decide.
    later = key.activate_time + timedelta(microseconds=1)
    return replace(key, key_id=KeyId("0" * 43), activate_time=later)


def test_keys_come_back_as_they_were_oldest_first(
    store: SqlKeyStore, key: SigningKey, successor: SigningKey
) -> None:
    assert store.list() == []
    assert store.add(key, newest=None, event=EVENT)
    assert store.add(successor, newest=key.key_id, event=EVENT)

    assert store.list() == [key, successor]


def test_a_key_is_added_only_after_the_newest(
    store: SqlKeyStore, key: SigningKey, successor: SigningKey
) -> None:
    assert not store.add(key, newest=successor.key_id, event=EVENT)
    assert store.add(key, newest=None, event=EVENT)
    assert not store.add(successor, newest=None, event=EVENT)

    assert store.list() == [key]


@pytest.mark.parametrize("first", [True, False])
def test_one_of_eight_additions_wins(store: SqlKeyStore, key: SigningKey, *, first: bool) -> None:
    newest = None if first else key.key_id
    if newest:
        store.add(key, newest=None, event=EVENT)
    rivals = [
        replace(
            key,
            key_id=KeyId(str(number) * 43),
            activate_time=key.activate_time + timedelta(hours=number),
        )
        for number in range(1, 9)
    ]

    outcomes = at_once([partial(store.add, rival, newest=newest, event=EVENT) for rival in rivals])

    assert sorted(outcomes, key=repr) == [False] * 7 + [True]


def test_p_key_3_a_revocation_marks_journals_and_changes_the_fence(
    store: SqlKeyStore, settings: SqlSettings, engine: Engine, key: SigningKey, now: datetime
) -> None:
    store.add(key, newest=None, event=EVENT)
    fence = settings.current()
    later = now + timedelta(hours=1)

    first = store.revoke(key.key_id, reason="leaked", now=now, remember_until=later, event=EVENT)
    second_fence = settings.current()
    second = store.revoke(key.key_id, reason="leaked", now=later, remember_until=later, event=EVENT)

    assert store.list() == [replace(key, revoke_time=now)]
    assert (first.kind, first.subject) == (RevocationKind.KEY, key.key_id)
    assert list(SqlRevocationJournal(engine, outbox(engine)).live(now)) == [[first, second]]
    assert len({fence, second_fence, settings.current()}) == 3


def test_revoking_a_key_makes_the_fence_if_there_is_none(
    store: SqlKeyStore, settings: SqlSettings, key: SigningKey, now: datetime
) -> None:
    store.add(key, newest=None, event=EVENT)

    store.revoke(key.key_id, reason="leaked", now=now, remember_until=now, event=EVENT)

    assert len(settings.current()) == 16


def test_revoking_an_unknown_key_changes_nothing(
    store: SqlKeyStore, settings: SqlSettings, engine: Engine, now: datetime
) -> None:
    fence = settings.current()

    with pytest.raises(KeyNotFound):
        store.revoke(KeyId("B" * 43), reason="leaked", now=now, remember_until=now, event=EVENT)

    assert settings.current() == fence
    assert SqlRevocationJournal(engine, outbox(engine)).head() == 0


def test_removed_keys_are_gone(store: SqlKeyStore, key: SigningKey, successor: SigningKey) -> None:
    store.add(key, newest=None, event=EVENT)
    store.add(successor, newest=key.key_id, event=EVENT)

    store.remove([key.key_id, KeyId("unknown")])
    store.remove([])

    assert store.list() == [successor]


def test_a_sealed_key_that_is_moved_to_another_row_does_not_open(
    store: SqlKeyStore, engine: Engine, key: SigningKey
) -> None:
    store.add(key, newest=None, event=EVENT)
    write(engine, lambda c: c.execute(update(signing_keys).values(key_id="B" * 43)))

    with pytest.raises(SealBroken):
        store.list()


def test_another_master_key_is_told(engine: Engine, store: SqlKeyStore, key: SigningKey) -> None:
    store.add(key, newest=None, event=EVENT)

    with pytest.raises(WrongMasterKey):
        SqlKeyStore(engine, outbox(engine), Sealer(b"\x01" * 32)).list()


def test_all_processes_get_the_same_fence_and_secret(
    url: str, sealer: Sealer, settings: SqlSettings
) -> None:
    engines = [connect(url) for _ in range(4)]
    stores = [SqlSettings(engine, sealer) for engine in engines]

    fences = at_once([store.current for store in stores])
    secrets = at_once([partial(store.secret, "refresh", 32) for store in stores])
    for engine in engines:
        engine.dispose()

    assert fences == [settings.current()] * 4
    assert secrets == [settings.secret("refresh", 32)] * 4
    assert settings.secret("page", 32) != settings.secret("refresh", 32)


def test_a_secret_of_another_size_is_not_given(settings: SqlSettings) -> None:
    settings.secret("refresh", 32)

    with pytest.raises(ValueError, match="32 bytes"):
        settings.secret("refresh", 16)


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Iterator[tuple[Path, Engine]]:
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    upgrade(engine)
    yield tmp_path, engine
    engine.dispose()


def test_no_secret_stands_in_the_files_in_clear_and_nobody_else_may_read_them(
    file: tuple[Path, Engine], sealer: Sealer, key: SigningKey
) -> None:
    folder, engine = file
    SqlKeyStore(engine, outbox(engine), sealer).add(key, newest=None, event=EVENT)
    secret = SqlSettings(engine, sealer).secret("refresh", 32)

    files = [path for path in folder.iterdir() if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)

    assert key.key_id.encode() in content
    assert PRIVATE_KEY[:16] not in content
    assert secret[:8] not in content
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert PRIVATE_KEY[:16].decode() not in repr(key)
