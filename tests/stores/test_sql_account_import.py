"""The contract of AccountImportStore and HashKindStore, on every database."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, select

from authsvc.domain.account_import import ImportedAccount
from authsvc.domain.accounts import Account, AccountChange, EndTokens
from authsvc.domain.foreign_hashes.foreign_hash import HashKind
from authsvc.domain.identifiers import AccountId, new_account_id
from authsvc.stores.sql.account_import import SqlAccountImportStore
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.hash_kinds import SqlHashKindStore
from authsvc.stores.sql.schema import accounts as table
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

BCRYPT = HashKind("bcrypt", 10)


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlAccountImportStore:
    return SqlAccountImportStore(engine, outbox(engine))


@pytest.fixture(name="accounts")
def _accounts(engine: Engine) -> SqlAccountStore:
    return SqlAccountStore(engine, outbox(engine))


@pytest.fixture(name="clock")
def _clock(now: datetime) -> list[datetime]:
    return [now]


@pytest.fixture(name="kinds")
def _kinds(engine: Engine, clock: list[datetime]) -> SqlHashKindStore:
    return SqlHashKindStore(engine, lambda: clock[0])


def imported(account: Account, name: str, *, kind: HashKind | None = BCRYPT) -> ImportedAccount:
    account = replace(account, account_id=new_account_id(), username=name)
    return ImportedAccount(account=account, digest=name.ljust(32).encode(), kind=kind, event=EVENT)


def test_accounts_are_kept_as_they_are_and_known_again(
    store: SqlAccountImportStore, accounts: SqlAccountStore, account: Account, now: datetime
) -> None:
    batch = [imported(account, f"user{n}") for n in range(1_000)]

    made = store.create_imported(batch, now=now)

    assert made == {one.digest: one.account.account_id for one in batch}
    assert accounts.find(batch[7].account.account_id) == batch[7].account
    assert store.find_imported([one.digest for one in batch] + [b"?" * 32]) == made
    again = [
        replace(one, account=replace(one.account, account_id=new_account_id())) for one in batch
    ]
    assert store.create_imported(again, now=now) == made


def test_a_taken_name_and_a_second_row_with_one_name_make_no_account(
    store: SqlAccountImportStore, accounts: SqlAccountStore, account: Account, now: datetime
) -> None:
    accounts.create(account, event=EVENT)
    batch = [imported(account, name) for name in ("aLiCe", "bob", "BOB", "carol")]

    made = store.create_imported(batch, now=now)

    assert set(made) == {batch[1].digest, batch[3].digest}


def test_a_row_is_known_under_whatever_name_its_account_has(
    store: SqlAccountImportStore, accounts: SqlAccountStore, account: Account, now: datetime
) -> None:
    one = imported(account, "bob")
    made = store.create_imported([one], now=now)
    accounts.change(one.account.account_id, AccountChange(username="robert"), now=now, event=EVENT)

    assert store.create_imported([imported(account, "bob")], now=now) == made


def test_of_racing_imports_one_makes_each_account(
    store: SqlAccountImportStore, account: Account, now: datetime
) -> None:
    def batch() -> list[ImportedAccount]:
        return [imported(account, f"user{n}") for n in range(50)]

    mine, reverse = batch(), batch()[::-1]
    calls = [partial(store.create_imported, b, now=now) for b in (mine, reverse, batch())]
    outcomes = at_once(calls)

    assert all(isinstance(outcome, dict) for outcome in outcomes), outcomes
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert store.find_imported([one.digest for one in mine]) == outcomes[0]


def test_a_name_that_is_taken_meanwhile_makes_no_account_and_spoils_no_other(
    store: SqlAccountImportStore, accounts: SqlAccountStore, account: Account, now: datetime
) -> None:
    batch = [imported(account, name) for name in ("Alice", "bob")]

    created, made = at_once(
        [partial(accounts.create, account), partial(store.create_imported, batch, now=now)]
    )

    assert batch[1].digest in made
    assert (batch[0].digest in made) != (created is None)


def test_another_password_takes_the_kind_of_the_foreign_one_away(
    engine: Engine,
    store: SqlAccountImportStore,
    accounts: SqlAccountStore,
    account: Account,
    now: datetime,
) -> None:
    one = imported(account, "bob")
    store.create_imported([one], now=now)
    accounts.change(one.account.account_id, AccountChange(roles=()), now=now, event=EVENT)
    assert _kind(engine, one.account.account_id) == ("bcrypt", 10)

    accounts.change(one.account.account_id, AccountChange(password_hash="$…"), now=now, event=EVENT)

    assert _kind(engine, one.account.account_id) == (None, None)


def _kind(engine: Engine, account_id: AccountId) -> tuple[str | None, int | None]:
    query = select(table.c.hash_family, table.c.hash_work).where(table.c.account_id == account_id)
    with engine.connect() as connection:
        return tuple(connection.execute(query).one())


def test_of_a_family_the_greatest_work_is_kept(kinds: SqlHashKindStore) -> None:
    kinds.announce([HashKind("bcrypt", 10), HashKind("bcrypt", 12), HashKind("scrypt:8:1", 14)])
    kinds.announce([HashKind("bcrypt", 11)])
    kinds.announce([])

    assert set(kinds.list()) == {HashKind("bcrypt", 12), HashKind("scrypt:8:1", 14)}


def test_racing_announcements_are_all_kept(kinds: SqlHashKindStore) -> None:
    wanted = [[HashKind("bcrypt", n), HashKind(f"scrypt:8:{n % 2}", n)] for n in range(4, 10)]

    assert at_once([partial(kinds.announce, some) for some in wanted]) == [None] * 6

    assert set(kinds.list()) == {
        *(HashKind("bcrypt", 9), HashKind("scrypt:8:0", 8), HashKind("scrypt:8:1", 9)),
    }


def test_accounts_are_kept_together_with_their_kinds(
    store: SqlAccountImportStore, kinds: SqlHashKindStore, account: Account, now: datetime
) -> None:
    store.create_imported([imported(account, "bob"), imported(account, "eve", kind=None)], now=now)

    assert kinds.list() == [BCRYPT]


def test_p_thr_3_a_kind_is_forgotten_when_no_account_has_it_and_not_before(
    store: SqlAccountImportStore,
    accounts: SqlAccountStore,
    kinds: SqlHashKindStore,
    account: Account,
    clock: list[datetime],
) -> None:
    old = imported(account, "bob", kind=HashKind("bcrypt", 12)), imported(account, "eve")
    kinds.announce([HashKind("scrypt:8:1", 14)])
    store.create_imported(old, now=clock[0])
    kinds.purge()
    assert len(kinds.list()) == 2  # what was announced just now is for accounts to come

    clock[0] += timedelta(hours=1)
    kinds.purge()
    assert kinds.list() == [HashKind("bcrypt", 12)]

    end_tokens = EndTokens(reason="account deleted", remember_until=clock[0])
    accounts.delete(old[0].account.account_id, now=clock[0], end_tokens=end_tokens, event=EVENT)
    kinds.purge()
    assert kinds.list() == [BCRYPT]

    accounts.change(
        old[1].account.account_id, AccountChange(password_hash="$…"), now=clock[0], event=EVENT
    )
    kinds.purge()
    assert kinds.list() == []
