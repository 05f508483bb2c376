"""Which peppers stored hashes need, on every database."""

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Engine

from authsvc.domain.accounts import Account
from authsvc.domain.identifiers import new_account_id
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.peppers import SqlPeppers
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

KEYS = {"k_1": b"a" * 32, "kx1": b"b" * 32}


@pytest.fixture(name="peppers")
def _peppers(engine: Engine) -> SqlPeppers:
    return SqlPeppers(engine)


@pytest.fixture(name="peppered")
def _peppered(engine: Engine, account: Account) -> Account:
    stored = f"$hmac-sha256$keyid=k_1{account.password_hash}"
    peppered = replace(account, account_id=new_account_id(), password_hash=stored)
    SqlAccountStore(engine, outbox(engine)).create(peppered, event=EVENT)
    return peppered


def test_p_pw_1_a_pepper_that_a_hash_names_is_missed(
    peppers: SqlPeppers, peppered: Account
) -> None:
    peppers.remember(KEYS)
    assert peppers.missing({}) == ["k_1"]
    assert peppers.missing({"k_1": KEYS["k_1"]}) == []
    assert peppers.missing({"kx1": KEYS["kx1"]}) == ["k_1"]


def test_p_pw_1_another_key_under_an_id_is_told(peppers: SqlPeppers) -> None:
    assert peppers.changed(KEYS) == []
    peppers.remember(KEYS)
    peppers.remember(KEYS)
    assert peppers.changed(KEYS) == []
    assert peppers.changed({**KEYS, "kx1": b"c" * 32, "new": b"d" * 32}) == ["kx1"]


def test_p_pw_1_a_pepper_is_forgotten_when_no_hash_needs_it(
    peppers: SqlPeppers, peppered: Account
) -> None:
    other = {"other": b"c" * 32}
    peppers.remember(KEYS)
    peppers.remember(other)
    assert peppers.changed(dict.fromkeys(KEYS, b"x" * 32)) == ["k_1"]
    assert peppers.missing(other) == ["k_1"]


def test_p_pw_1_of_processes_that_start_with_other_keys_one_is_right(peppers: SqlPeppers) -> None:
    rivals = [{"k": bytes([n]) * 32} for n in range(4)]
    assert at_once([partial(peppers.remember, rival) for rival in rivals]) == [None] * 4
    assert sorted(len(peppers.changed(rival)) for rival in rivals) == [0, 1, 1, 1]
