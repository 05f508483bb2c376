"""The contract of ServiceAccountStore on every database, and the form of API keys."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from authsvc.domain.callers import (
    ApiKey,
    ServiceAccount,
    ServiceAccountState,
    hash_api_key,
    new_api_key,
)
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from tests.stores.races import at_once


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlServiceAccountStore:
    return SqlServiceAccountStore(engine)


@pytest.fixture(name="billing")
def _billing(now: datetime) -> ServiceAccount:
    return ServiceAccount(
        name="billing",
        scopes=("tokens.introspect", "accounts.read"),
        state=ServiceAccountState.ACTIVE,
        create_time=now,
    )


@pytest.fixture(name="key")
def _key(now: datetime) -> ApiKey:
    return ApiKey(
        key_id="key-1",
        service_account="billing",
        secret_hash=hash_api_key(new_api_key()),
        create_time=now,
        expire_time=now + timedelta(days=90, microseconds=1),
        revoke_time=None,
    )


def test_service_accounts_come_back_as_they_were_by_name(
    store: SqlServiceAccountStore, billing: ServiceAccount
) -> None:
    audit = replace(billing, name="audit", scopes=(), state=ServiceAccountState.DISABLED)

    assert store.create(billing)
    assert store.create(audit)

    assert store.find("billing") == billing
    assert store.find("nobody") is None
    assert store.list() == [audit, billing]


def test_one_of_eight_creations_of_a_name_wins(
    store: SqlServiceAccountStore, billing: ServiceAccount
) -> None:
    outcomes = at_once([partial(store.create, billing)] * 8)

    assert sorted(outcomes, key=repr) == [False] * 7 + [True]


def test_a_key_is_found_by_its_hash_with_its_owner(
    store: SqlServiceAccountStore, billing: ServiceAccount, key: ApiKey
) -> None:
    store.create(billing)
    endless = replace(key, key_id="key-2", secret_hash=bytes(32), expire_time=None)

    assert store.add_key(key)
    assert store.add_key(endless)

    assert store.find_by_secret_hash(key.secret_hash) == (billing, key)
    assert store.find_by_secret_hash(bytes(32)) == (billing, endless)
    assert store.find_by_secret_hash(b"\xff" * 32) is None
    assert store.list_keys("billing") == [key, endless]
    assert key.secret_hash.hex() not in repr(key)
    assert repr(key.secret_hash) not in repr(key)


def test_a_key_without_an_owner_is_not_kept(store: SqlServiceAccountStore, key: ApiKey) -> None:
    assert not store.add_key(key)
    assert store.find_by_secret_hash(key.secret_hash) is None


def test_p_int_1_a_key_is_revoked_once_and_the_first_time_stays(
    store: SqlServiceAccountStore, billing: ServiceAccount, key: ApiKey, now: datetime
) -> None:
    store.create(billing)
    store.add_key(key)

    assert store.revoke_key(key.key_id, now=now)
    assert store.revoke_key(key.key_id, now=now + timedelta(days=1))
    assert not store.revoke_key("unknown", now=now)

    assert store.list_keys("billing") == [replace(key, revoke_time=now)]


def test_api_keys_differ_and_have_one_form() -> None:
    keys = {new_api_key() for _ in range(100)}

    assert len(keys) == 100
    assert {len(key) for key in keys} == {42}
    assert all(key.startswith("ask_") for key in keys)
    assert {len(hash_api_key(key)) for key in keys} == {32}


def test_every_typing_error_in_an_api_key_is_noticed() -> None:
    key = new_api_key()

    for place in range(len(key)):
        other = "A" if key[place] != "A" else "B"
        for typo in (key[:place] + other + key[place + 1 :], key[:place] + key[place + 1 :]):
            with pytest.raises(ValueError, match="not an API key"):
                hash_api_key(typo)


@pytest.mark.parametrize("text", ["", "ask_", "x" * 42, "ask_" + "é" * 38, "ask_\0" + "A" * 37])
def test_what_is_no_api_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an API key"):
        hash_api_key(text)
    with pytest.raises(ValueError, match="not an API key"):
        hash_api_key(new_api_key() + text + "\n")
