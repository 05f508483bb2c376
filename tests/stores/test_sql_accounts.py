"""The contract of AccountStore, on every database."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from authsvc.domain.accounts import Account, AccountChange, AccountState, EndTokens
from authsvc.domain.identifiers import AccountId, new_account_id
from authsvc.errors import AccountNotFound, AuthError, InvalidRequest, UsernameTaken
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.verify.revocations import RevocationKind
from tests.stores.races import at_once


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlAccountStore:
    return SqlAccountStore(engine)


def test_an_account_comes_back_as_it_was_to_the_microsecond(
    store: SqlAccountStore, account: Account
) -> None:
    store.create(account)

    assert store.find(account.account_id) == account


@pytest.mark.parametrize(
    "email",
    [
        "😀👩‍👩‍👧@example.com",
        "שלום\u202e@example.com",
        "e\u0301@example.com",
        "'; DROP TABLE accounts; --@example.com",
        "trailing @ ",
        "@" + "é" * 126,
    ],
)
def test_every_string_is_kept_exactly(store: SqlAccountStore, account: Account, email: str) -> None:
    account = replace(account, email=email)

    store.create(account)

    assert store.find(account.account_id) == account
    assert store.find_by_identifier(email) == account


def test_a_value_that_the_database_cannot_hold_is_refused_or_kept(
    store: SqlAccountStore, account: Account
) -> None:
    account = replace(account, email="nul\0@example.com")

    try:
        store.create(account)
    except InvalidRequest:
        assert store.find(account.account_id) is None
    else:
        assert store.find(account.account_id) == account
    assert store.find_by_identifier("nobody\0") is None
    with pytest.raises(InvalidRequest):
        store.find_by_identifier("\ud800")


def test_an_account_without_optional_values(store: SqlAccountStore, account: Account) -> None:
    account = replace(account, email=None, roles=(), password_hash=None, password_change_time=None)

    store.create(account)

    assert store.find(account.account_id) == account


def test_a_user_name_is_taken_in_any_case(store: SqlAccountStore, account: Account) -> None:
    store.create(account)

    with pytest.raises(UsernameTaken):
        store.create(replace(account, account_id=new_account_id(), username="aLICE"))


def test_the_names_of_different_letters_are_different(
    store: SqlAccountStore, account: Account
) -> None:
    for name in ("alice", "alicé", "alice ", "\uff41lice"):
        store.create(replace(account, account_id=new_account_id(), username=name))

    found = store.find_by_identifier("ALICE")

    assert found is not None
    assert found.username == "alice"


@pytest.mark.parametrize("identifier", ["alice", "ALICE", "alice@example.COM"])
def test_an_account_is_found_by_name_or_address_in_any_case(
    store: SqlAccountStore, account: Account, identifier: str
) -> None:
    store.create(account)

    assert store.find_by_identifier(identifier) == account


@pytest.mark.parametrize("identifier", ["", "%", "alice ", "bob", "alice@example.com "])
def test_what_names_no_account_finds_none(
    store: SqlAccountStore, account: Account, identifier: str
) -> None:
    store.create(account)

    assert store.find_by_identifier(identifier) is None


def test_of_accounts_with_one_address_the_one_that_verified_it_counts(
    store: SqlAccountStore, account: Account
) -> None:
    store.create(account)
    verified = replace(
        account,
        account_id=new_account_id(),
        username="bob",
        email_verified=True,
        create_time=account.create_time + timedelta(days=1),
    )
    store.create(verified)

    assert store.find_by_identifier("alice@example.com") == verified


def test_of_accounts_with_one_unverified_address_the_first_that_named_it_counts(
    store: SqlAccountStore, account: Account, now: datetime
) -> None:
    latecomer = replace(account, email=None)
    first = replace(account, account_id=new_account_id(), username="bob")
    store.create(latecomer)
    store.create(first)

    store.change(
        latecomer.account_id,
        AccountChange(email=account.email),
        now=now + timedelta(microseconds=1),
    )

    assert store.find_by_identifier("alice@example.com") == first


def test_another_address_is_not_verified_but_another_case_of_it_is(
    store: SqlAccountStore, account: Account, now: datetime
) -> None:
    store.create(replace(account, email_verified=True))

    recased, _ = store.change(account.account_id, AccountChange(email="ALICE@example.com"), now=now)
    moved, _ = store.change(account.account_id, AccountChange(email="a@example.com"), now=now)

    assert (recased.email, recased.email_verified) == ("ALICE@example.com", True)
    assert (moved.email, moved.email_verified) == ("a@example.com", False)


def test_a_change_leaves_alone_what_it_does_not_name(
    store: SqlAccountStore, account: Account, now: datetime
) -> None:
    store.create(account)
    later = now + timedelta(minutes=1)

    changed, revocation = store.change(account.account_id, AccountChange(roles=()), now=later)

    assert changed == replace(account, roles=(), update_time=later)
    assert store.find(account.account_id) == changed
    assert revocation is None


def test_p_rev_4_a_change_that_ends_tokens_raises_the_epoch_and_journals_it(
    store: SqlAccountStore,
    engine: Engine,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
) -> None:
    store.create(account)

    change = AccountChange(state=AccountState.DISABLED)
    changed, revocation = store.change(account.account_id, change, now=now, end_tokens=end_tokens)

    assert changed.epoch == 4
    assert changed.state is AccountState.DISABLED
    assert revocation is not None
    assert revocation.kind is RevocationKind.ACCOUNT
    assert (revocation.subject, revocation.epoch) == (account.account_id, 4)
    assert list(SqlRevocationJournal(engine).live(now)) == [[revocation]]


def test_a_change_that_fails_changes_and_journals_nothing(
    store: SqlAccountStore,
    engine: Engine,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
) -> None:
    store.create(account)
    store.create(replace(account, account_id=new_account_id(), username="bob"))

    with pytest.raises(UsernameTaken):
        store.change(
            account.account_id,
            AccountChange(username="BOB", roles=()),
            now=now,
            end_tokens=end_tokens,
        )

    assert store.find(account.account_id) == account
    assert SqlRevocationJournal(engine).head() == 0


def test_what_is_not_there_is_not_found(
    store: SqlAccountStore, end_tokens: EndTokens, now: datetime
) -> None:
    nobody = new_account_id()

    assert store.find(nobody) is None
    with pytest.raises(AccountNotFound):
        store.change(nobody, AccountChange(), now=now)
    with pytest.raises(AccountNotFound):
        store.delete(nobody, now=now, end_tokens=end_tokens)


def test_a_deleted_account_is_gone_and_its_tokens_are_ended(
    store: SqlAccountStore,
    engine: Engine,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
) -> None:
    store.create(account)

    revocation = store.delete(account.account_id, now=now, end_tokens=end_tokens)

    assert store.find(account.account_id) is None
    assert revocation.epoch == account.epoch + 1
    assert list(SqlRevocationJournal(engine).live(now)) == [[revocation]]


def test_accounts_are_listed_in_the_order_of_their_ids(
    store: SqlAccountStore, account: Account
) -> None:
    ids = [AccountId(f"acc_{number:032x}") for number in (1, 9, 10, 0xA0)]
    for number, account_id in enumerate(reversed(ids)):
        store.create(replace(account, account_id=account_id, username=f"user{number}"))

    first = store.list(after=None, limit=3)
    second = store.list(after=first[-1].account_id, limit=3)

    assert [listed.account_id for listed in (*first, *second)] == ids


def test_one_of_eight_creations_of_a_user_name_wins(
    store: SqlAccountStore, account: Account
) -> None:
    rivals = [replace(account, account_id=new_account_id()) for _ in range(8)]

    outcomes = at_once([partial(store.create, rival) for rival in rivals])

    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == 7
    assert len(store.list(after=None, limit=10)) == 1


def test_one_of_eight_changes_of_an_epoch_wins(
    store: SqlAccountStore, account: Account, end_tokens: EndTokens, now: datetime
) -> None:
    store.create(account)
    change = partial(
        store.change,
        account.account_id,
        AccountChange(password_hash="new"),
        now=now,
        end_tokens=end_tokens,
        expected_epoch=account.epoch,
    )

    outcomes = at_once([change] * 8)

    assert sum(not isinstance(outcome, AuthError) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AccountNotFound) for outcome in outcomes) == 7
    found = store.find(account.account_id)
    assert found is not None
    assert found.epoch == account.epoch + 1


def test_the_password_hash_is_not_in_the_text_of_an_error(
    store: SqlAccountStore, account: Account
) -> None:
    store.create(account)

    with pytest.raises(AuthError) as caught:
        store.create(replace(account, username="bob"))

    assert "argon2id" not in repr(caught.value)
    assert caught.value.__suppress_context__
