"""Passkeys in SQL, on every engine."""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from authsvc.domain.accounts import Account, EndTokens
from authsvc.domain.factors import Enrolment, Factor, FactorType
from authsvc.domain.identifiers import new_account_id, new_factor_id
from authsvc.domain.passkeys import MAX_CREDENTIAL_ID_BYTES, Passkey
from authsvc.errors import AccountNotFound, FactorLimitReached, InvalidFactor
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.factors import SqlFactorStore
from authsvc.stores.sql.passkeys import SqlPasskeyStore
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

Keep = Callable[..., Passkey]
Enrol = Callable[..., Enrolment]


def passkey_of(enrolment: Enrolment, **fields: Any) -> Passkey:
    """A passkey that an enrolment is about."""
    return Passkey(
        **{
            "factor_id": enrolment.factor.factor_id,
            "account_id": enrolment.factor.account_id,
            "credential_id": secrets.token_bytes(32),
            "user_handle": secrets.token_bytes(32),
            "public_key": secrets.token_bytes(300),
            "sign_count": 0,
            "aaguid": bytes(range(16)),
            "transports": ("hybrid", "internal"),
            "backup_eligible": True,
            "backed_up": False,
            **fields,
        }
    )


@pytest.fixture(name="enrolment")
def _enrolment(engine: Engine, account: Account, now: datetime, end_tokens: EndTokens) -> Enrol:
    """Makes enrolments of one account, each later than the one before."""
    accounts = SqlAccountStore(engine, outbox(engine))
    accounts.create(account, event=EVENT)
    seconds = itertools.count()

    def enrolment(**fields: Any) -> Enrolment:
        present = accounts.find(account.account_id)
        assert present is not None
        factor = Factor(
            factor_id=new_factor_id(),
            account_id=account.account_id,
            type=FactorType.PASSKEY,
            display_name="Phone",
            create_time=now + timedelta(seconds=next(seconds)),
        )
        given = {
            "factor": factor,
            "limit": 7,
            "event": EVENT,
            "recovery_code_hashes": [secrets.token_bytes(32)],
            "expected_epoch": present.epoch,
            "end_tokens": end_tokens,
            **fields,
        }
        return Enrolment(**given)

    return enrolment


@pytest.fixture(name="passkeys")
def _passkeys(engine: Engine) -> SqlPasskeyStore:
    return SqlPasskeyStore(engine, outbox(engine))


@pytest.fixture(name="keep")
def _keep(passkeys: SqlPasskeyStore, enrolment: Enrol) -> Keep:
    """Keeps a passkey of one account."""

    def keep(**fields: Any) -> Passkey:
        wanted = enrolment()
        passkey = passkey_of(wanted, **fields)
        passkeys.enrol(wanted, passkey)
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


def test_an_accounts_passkeys_come_oldest_first(passkeys: SqlPasskeyStore, keep: Keep) -> None:
    first, second = keep(), keep()
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

    answer = passkeys.use(passkey.factor_id, sign_count=said, backed_up=True, now=now, event=EVENT)

    after = replace(passkey, sign_count=said, backed_up=True)
    assert answer is accepted
    assert passkeys.find(passkey.credential_id) == (after if accepted else passkey)


def test_a_passkey_that_does_not_count_may_be_used_twice_in_one_moment(
    passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    passkey = keep()
    for _ in range(2):
        assert passkeys.use(passkey.factor_id, sign_count=0, backed_up=False, now=now, event=EVENT)


def test_of_many_uses_with_one_count_one_is_noted(
    passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    passkey = keep(sign_count=3)
    use = partial(
        passkeys.use, passkey.factor_id, sign_count=4, backed_up=False, now=now, event=EVENT
    )

    assert sorted(map(str, at_once([use] * 8))) == ["False"] * 7 + ["True"]


def test_an_unknown_passkey_is_not_used(passkeys: SqlPasskeyStore, now: datetime) -> None:
    assert not passkeys.use(new_factor_id(), sign_count=1, backed_up=False, now=now, event=EVENT)


def test_a_use_is_noted_where_factors_are_listed(
    engine: Engine, passkeys: SqlPasskeyStore, keep: Keep, now: datetime
) -> None:
    passkey, factors = keep(sign_count=1), SqlFactorStore(engine, outbox(engine))
    assert [one.last_use_time for one in factors.list(passkey.account_id)] == [None]
    assert not passkeys.use(passkey.factor_id, sign_count=1, backed_up=False, now=now, event=EVENT)
    assert [one.last_use_time for one in factors.list(passkey.account_id)] == [None]
    assert passkeys.use(passkey.factor_id, sign_count=2, backed_up=False, now=now, event=EVENT)
    assert [one.last_use_time for one in factors.list(passkey.account_id)] == [now]


def test_a_credential_is_enrolled_once_whosoever_it_is(
    engine: Engine, passkeys: SqlPasskeyStore, enrolment: Enrol, account: Account
) -> None:
    wanted = enrolment()
    first = passkey_of(wanted)
    passkeys.enrol(wanted, first)
    other = replace(account, account_id=new_account_id(), username="bob", email=None)
    SqlAccountStore(engine, outbox(engine)).create(other, event=EVENT)
    for owner, epoch in ((account.account_id, account.epoch + 1), (other.account_id, other.epoch)):
        factor = replace(wanted.factor, factor_id=new_factor_id(), account_id=owner)
        again = enrolment(factor=factor, expected_epoch=epoch)
        with pytest.raises(InvalidFactor):
            passkeys.enrol(again, passkey_of(again, credential_id=first.credential_id))
        found = SqlAccountStore(engine, outbox(engine)).find(owner)
        assert found is not None
        assert found.epoch == epoch
    assert passkeys.find(first.credential_id) == first
    assert passkeys.list(other.account_id) == []
    assert SqlFactorStore(engine, outbox(engine)).list(other.account_id) == []


def test_of_many_enrolments_at_one_epoch_one_counts(
    passkeys: SqlPasskeyStore, enrolment: Enrol
) -> None:
    wanted = [enrolment() for _ in range(6)]
    outcomes = at_once([partial(passkeys.enrol, one, passkey_of(one)) for one in wanted])
    assert len([one for one in outcomes if isinstance(one, AccountNotFound)]) == 5
    assert len(passkeys.list(wanted[0].factor.account_id)) == 1


def test_an_account_has_as_many_passkeys_as_it_may(
    passkeys: SqlPasskeyStore, enrolment: Enrol
) -> None:
    for _ in range(2):
        wanted = enrolment(limit=2)
        passkeys.enrol(wanted, passkey_of(wanted))
    wanted = enrolment(limit=2)
    with pytest.raises(FactorLimitReached):
        passkeys.enrol(wanted, passkey_of(wanted))


def test_a_factor_takes_its_passkey_with_it(
    engine: Engine, passkeys: SqlPasskeyStore, keep: Keep, now: datetime, end_tokens: EndTokens
) -> None:
    first, second, third = keep(), keep(), keep()
    account = SqlAccountStore(engine, outbox(engine)).find(first.account_id)
    assert account is not None
    factors = SqlFactorStore(engine, outbox(engine))
    factors.remove(
        account.account_id,
        second.factor_id,
        now=now,
        expected_epoch=account.epoch,
        end_tokens=end_tokens,
        event=EVENT,
    )
    assert passkeys.list(account.account_id) == [first, third]
    assert passkeys.find(second.credential_id) is None
    factors.reset(account.account_id, now=now, end_tokens=end_tokens, event=EVENT)
    assert passkeys.list(account.account_id) == []
    assert passkeys.find(first.credential_id) is None


def test_an_account_takes_its_passkeys_with_it(
    engine: Engine, passkeys: SqlPasskeyStore, keep: Keep, now: datetime, end_tokens: EndTokens
) -> None:
    passkey = keep()
    SqlAccountStore(engine, outbox(engine)).delete(
        passkey.account_id, now=now, end_tokens=end_tokens, event=EVENT
    )
    assert passkeys.find(passkey.credential_id) is None
