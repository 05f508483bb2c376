"""Passkeys in SQL, on every engine."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from authsvc.domain.accounts import Account, EndTokens
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.passkeys import MAX_CREDENTIAL_ID_BYTES, Passkey
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.passkeys import SqlPasskeyStore, insert_within
from authsvc.stores.sql.transactions import write
from tests.stores.races import at_once

Keep = Callable[..., Passkey]


@pytest.fixture(name="passkeys")
def _passkeys(engine: Engine) -> SqlPasskeyStore:
    return SqlPasskeyStore(engine)


@pytest.fixture(name="keep")
def _keep(engine: Engine, account: Account, now: datetime) -> Keep:
    """Keeps a passkey of one account."""
    SqlAccountStore(engine).create(account)

    def keep(**fields: Any) -> Passkey:
        passkey = Passkey(
            **{
                "passkey_id": f"pk_{secrets.token_hex(16)}",
                "account_id": account.account_id,
                "name": "Telefon 📱",
                "credential_id": secrets.token_bytes(32),
                "user_handle": secrets.token_bytes(32),
                "public_key": secrets.token_bytes(300),
                "sign_count": 0,
                "aaguid": bytes(range(16)),
                "transports": ("hybrid", "internal"),
                "backup_eligible": True,
                "backed_up": False,
                "create_time": now,
                "last_use_time": None,
                **fields,
            }
        )
        write(engine, partial(insert_within, passkey=passkey))
        return passkey

    return keep


def test_what_is_kept_comes_back_exactly(passkeys: SqlPasskeyStore, keep: Keep) -> None:
    for size in (1, 32, MAX_CREDENTIAL_ID_BYTES):
        kept = keep(credential_id=secrets.token_bytes(size), sign_count=2**32 - 1)
        assert passkeys.find(kept.credential_id) == kept


def test_credential_ids_are_compared_as_bytes(passkeys: SqlPasskeyStore, keep: Keep) -> None:
    kept = keep(credential_id=b"Abc")
    assert passkeys.find(b"Abc") == kept
    for other in (b"Abc\0", b"Abc ", b"abc", b"Ab", b""):
        assert passkeys.find(other) is None


def test_an_accounts_passkeys_come_oldest_first(
    passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    second = keep(create_time=now + timedelta(seconds=1))
    first = keep()
    assert passkeys.list(first.account_id) == [first, second]
    assert passkeys.list(new_account_id()) == []


@pytest.mark.parametrize(
    ("kept", "said"), [(0, 0), (0, 7), (7, 8), (7, 2**32 - 1), (7, 7), (7, 6), (7, 0)]
)
def test_a_count_goes_forward_only(
    kept: int, said: int, passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    passkey = keep(sign_count=kept)
    accepted = said > kept or said == kept == 0

    answer = passkeys.use(passkey.passkey_id, sign_count=said, backed_up=True, now=now)

    after = replace(passkey, sign_count=said, backed_up=True, last_use_time=now)
    assert answer is accepted
    assert passkeys.find(passkey.credential_id) == (after if accepted else passkey)


def test_a_passkey_that_does_not_count_may_be_used_twice_in_one_moment(
    passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    passkey = keep()
    for _ in range(2):
        assert passkeys.use(passkey.passkey_id, sign_count=0, backed_up=False, now=now)


def test_of_many_uses_with_one_count_one_is_noted(
    passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    passkey = keep(sign_count=3)
    use = partial(passkeys.use, passkey.passkey_id, sign_count=4, backed_up=False, now=now)

    assert sorted(map(str, at_once([use] * 8))) == ["False"] * 7 + ["True"]


def test_an_unknown_passkey_is_not_used(passkeys: SqlPasskeyStore, now: datetime) -> None:
    assert not passkeys.use("pk_" + "0" * 32, sign_count=1, backed_up=False, now=now)


def test_an_account_takes_its_passkeys_with_it(
    engine: Engine, passkeys: SqlPasskeyStore, keep: Keep, now: datetime, end_tokens: EndTokens
) -> None:
    passkey = keep()
    SqlAccountStore(engine).delete(passkey.account_id, now=now, end_tokens=end_tokens)
    assert passkeys.find(passkey.credential_id) is None
