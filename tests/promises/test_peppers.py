"""Passwords under peppers, and stored hashes that the service did not write."""

import base64
import hashlib
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from authn.v1.account_service_pb2 import ChangePasswordRequest
from sqlalchemy import select, update

from authsvc.config import ConfigurationError
from authsvc.domain.password_hashes import Argon2Profile, PasswordHashes, Peppers
from authsvc.errors import Overloaded
from authsvc.store_faults import store_faults
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.schema import accounts
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server
from tests.transport.calls import attempt, refused
from tests.transport.logged import logged

KEYS = {name: hashlib.sha256(name.encode()).digest() for name in ("k1", "k2")}
CHEAPEST = Argon2Profile(time_cost=1, memory_cost_kib=8)


def setting(*ids: str) -> str:
    return "\n".join(f"{i}:{base64.b64encode(KEYS[i]).decode()}" for i in ids)


class Place:
    """One database and one Redis, for one service after the other."""

    def __init__(self, data: Path, redis: Server) -> None:
        self._data, self._redis = data, redis

    def service(self, *peppers: str, **settings: Any) -> AbstractContextManager[Service]:
        given = {"password_peppers": setting(*peppers)} if peppers else {}
        return running(data=self._data, redis_url=self._redis.url, **given, **settings)

    def stored(self, service: Service, username: str) -> str:
        engine = connect(service.app.config.sql_url())
        query = select(accounts.c.password_hash).where(accounts.c.username == username)
        with engine.connect() as connection:
            stored: str = connection.execute(query).scalar_one()
        engine.dispose()
        return stored

    def put(self, service: Service, username: str, stored: str) -> None:
        engine = connect(service.app.config.sql_url())
        change = update(accounts).where(accounts.c.username == username)
        with engine.begin() as connection:
            connection.execute(change.values(password_hash=stored))
        engine.dispose()


@pytest.fixture(name="place")
def _place(tmp_path: Path, own_redis: Server) -> Place:
    return Place(tmp_path, own_redis)


def test_p_pw_1_a_login_brings_a_hash_under_the_first_pepper(place: Place) -> None:
    with place.service() as service:
        service.register(username="ada")
        assert place.stored(service, "ada").startswith("$argon2id$")
    with place.service("k1") as service:
        attempt(service, "ada", "wrong password")
        assert place.stored(service, "ada").startswith("$argon2id$")
        service.login("ada")
        assert place.stored(service, "ada").startswith("$hmac-sha256$keyid=k1$argon2id$")
        service.login("ada")
    with place.service("k2", "k1") as service:
        assert attempt(service, "ada", "wrong password").reason == "INVALID_CREDENTIALS"
        service.login("ada")
        assert place.stored(service, "ada").startswith("$hmac-sha256$keyid=k2$argon2id$")
    with place.service("k2") as service:  # nothing needs the first any more
        service.login("ada")


def test_p_pw_1_a_start_without_a_needed_pepper_or_with_another_key_fails(
    place: Place,
) -> None:
    with place.service("k1") as service:
        service.register(username="ada")
        config = service.app.config
    for peppers in ((), ("k2",)):
        with pytest.raises(ConfigurationError, match="lacks k1"), place.service(*peppers):
            pass
    changed = {"password_peppers": f"k1:{base64.b64encode(KEYS['k2']).decode()}"}
    with (
        pytest.raises(ConfigurationError, match="k1 had another key") as caught,
        place.service(**changed),
    ):
        pass
    assert changed["password_peppers"][3:] not in str(caught.value)

    told = list(store_faults(config.model_copy(update={"password_peppers": None})))
    assert [fault for fault in told if "PEPPERS lacks k1" in fault]
    with place.service("k2", "k1") as service:
        service.login("ada")


def test_p_pw_1_a_pepper_that_only_others_know_is_an_outage_and_no_wrong_password(
    place: Place,
) -> None:
    others = PasswordHashes(
        profile=CHEAPEST, peppers=Peppers(keys={"k2": KEYS["k2"]}, current="k2")
    )
    plain = PasswordHashes(profile=CHEAPEST, peppers=Peppers())
    with logged() as log, place.service("k1") as service:
        service.register(username="ada")
        place.put(service, "ada", others.make(PASSWORD))
        for _ in range(11):  # more than there are attempts
            refusal = attempt(service, "ada")
            assert refusal.reason == "STORE_UNAVAILABLE"
            assert refusal.retry_after == timedelta(minutes=1)
            assert "k2" not in refusal.message
        place.put(service, "ada", plain.make(PASSWORD))
        service.login("ada")
    assert "the password pepper k2 is not configured" in log.text


@pytest.mark.parametrize("costs", ["m=4194304,t=1,p=1", "m=8,t=100000000,p=1", "m=8,t=1,p=255"])
def test_p_pw_5_a_stored_hash_with_absurd_costs_is_refused_and_logged(
    costs: str, place: Place
) -> None:
    with logged() as log, place.service() as service:
        registered = service.register(username="ada")
        account, me = registered.account, bearer(registered.tokens.access_token)
        place.put(service, "ada", place.stored(service, "ada").replace("m=8,t=1,p=1", costs))
        assert attempt(service, "ada").raw == attempt(service, "nobody").raw
        change = ChangePasswordRequest(current_password=PASSWORD, new_password="new " + PASSWORD)
        refusal = refused(lambda: service.account.ChangePassword(change, metadata=me))
        assert refusal.reason == "INVALID_CREDENTIALS"
    for kind in ("login", "password.changed"):
        *_, last = [e for e in log.events(kind) if e["subject"] == account.account_id]
        assert last["reason"] == "unacceptable hash"


def test_p_pw_1_a_login_does_not_wait_for_its_hash_to_be_renewed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shed(*_: object, **__: object) -> str:
        raise Overloaded

    with place.service() as service:
        service.register(username="ada")
    with place.service("k1") as service:
        monkeypatch.setattr(service.app.passwords, "hash", shed)
        assert service.login("ada").session_id
        assert place.stored(service, "ada").startswith("$argon2id$")
