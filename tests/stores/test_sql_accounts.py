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
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlAccountStore:
    return SqlAccountStore(engine, outbox(engine))


def test_an_account_comes_back_as_it_was_to_the_microsecond(
    store: SqlAccountStore, account: Account
) -> None:
    store.create(account, event=EVENT)

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
    account = replace(account, email=email, email_verified=True)

    store.create(account, event=EVENT)

    assert store.find(account.account_id) == account
    assert store.find_by_identifier(email) == account


def test_a_value_that_the_database_cannot_hold_is_refused_or_kept(
    store: SqlAccountStore, account: Account
) -> None:
    account = replace(account, email="nul\0@example.com")

    try:
        store.create(account, event=EVENT)
    except InvalidRequest:
        assert store.find(account.account_id) is None
    else:
        assert store.find(account.account_id) == account
    assert store.find_by_identifier("nobody\0") is None
    with pytest.raises(InvalidRequest):
        store.find_by_identifier("\ud800")


def test_an_account_without_optional_values(store: SqlAccountStore, account: Account) -> None:
    account = replace(account, email=None, roles=(), password_hash=None, password_change_time=None)

    store.create(account, event=EVENT)

    assert store.find(account.account_id) == account


def test_a_user_name_is_taken_in_any_case(store: SqlAccountStore, account: Account) -> None:
    store.create(account, event=EVENT)

    with pytest.raises(UsernameTaken):
        store.create(replace(account, account_id=new_account_id(), username="aLICE"), event=EVENT)


def test_the_names_of_different_letters_are_different(
    store: SqlAccountStore, account: Account
) -> None:
    for name in ("alice", "alicé", "alice ", "\uff41lice"):
        store.create(replace(account, account_id=new_account_id(), username=name), event=EVENT)

    found = store.find_by_identifier("ALICE")

    assert found is not None
    assert found.username == "alice"


@pytest.mark.parametrize("identifier", ["alice", "ALICE", "alice@example.COM"])
def test_an_account_is_found_by_name_or_address_in_any_case(
    store: SqlAccountStore, account: Account, identifier: str
) -> None:
    account = replace(account, email_verified=True)

    store.create(account, event=EVENT)

    assert store.find_by_identifier(identifier) == account


@pytest.mark.parametrize(
    "identifier",
    [
        *("", "%", "alice ", "bob", "alice@example.com ", "alice@exa\uff4dple.com", "alice@"),
        *("\uff41lice", "alice\0", "alicé", "al1ce", "a.lice@example.com", "alice+x@example.com"),
    ],
)
def test_what_names_no_account_finds_none(
    store: SqlAccountStore, account: Account, identifier: str
) -> None:
    store.create(replace(account, email_verified=True), event=EVENT)

    assert store.find_by_identifier(identifier) is None


def test_of_accounts_with_one_address_the_one_that_verified_it_counts(
    store: SqlAccountStore, account: Account
) -> None:
    store.create(account, event=EVENT)
    verified = replace(
        account,
        account_id=new_account_id(),
        username="bob",
        email_verified=True,
        create_time=account.create_time + timedelta(days=1),
    )
    store.create(verified, event=EVENT)

    assert store.find_by_identifier("alice@example.com") == verified


def test_an_address_that_nobody_has_verified_leads_to_no_account(
    store: SqlAccountStore, account: Account
) -> None:
    store.create(account, event=EVENT)
    assert store.find_by_identifier("alice@example.com") is None
    store.create(replace(account, account_id=new_account_id(), username="bob"), event=EVENT)
    assert store.find_by_identifier("alice@example.com") is None
    assert store.find_by_identifier("alice") == account


@pytest.mark.parametrize("name", ["Alice", "alice", "ALLCE", "a1ice", "aIice"])
def test_p_pw_3_a_name_that_must_look_new_is_refused_if_it_does_not(
    store: SqlAccountStore, account: Account, name: str
) -> None:
    store.create(account, event=EVENT)
    newcomer = replace(account, account_id=new_account_id(), username=name)

    assert store.has_look_alike(name)
    with pytest.raises(UsernameTaken):
        store.create(newcomer, must_look_new=True, event=EVENT)
    assert store.find(newcomer.account_id) is None


@pytest.mark.parametrize("name", ["alic", "alicea", "allc", "allce0", "bob", "z", "a"])
def test_p_pw_3_a_name_that_looks_like_no_other_is_free(
    store: SqlAccountStore, account: Account, name: str
) -> None:
    store.create(account, must_look_new=True, event=EVENT)
    assert not store.has_look_alike(name)
    store.create(
        replace(account, account_id=new_account_id(), username=name),
        must_look_new=True,
        event=EVENT,
    )


def test_p_pw_3_an_administrator_may_give_any_name_that_nobody_has(
    store: SqlAccountStore, account: Account, now: datetime
) -> None:
    first, second, third = (new_account_id() for _ in range(3))
    store.create(
        replace(account, account_id=first, username="alice"), must_look_new=True, event=EVENT
    )
    store.create(replace(account, account_id=second, username="allce"), event=EVENT)
    store.create(replace(account, account_id=third, username="bob"), event=EVENT)
    store.change(third, AccountChange(username="al1ce"), now=now, event=EVENT)

    for number, name in enumerate(("alice", "allce", "al1ce")):
        found = store.find_by_identifier(name)
        assert found is not None
        assert found.account_id == (first, second, third)[number]


def test_p_pw_3_a_look_is_taken_as_long_as_any_account_has_it(
    store: SqlAccountStore, account: Account, now: datetime, end_tokens: EndTokens
) -> None:
    namesake = new_account_id()
    store.create(account, must_look_new=True, event=EVENT)
    store.create(replace(account, account_id=namesake, username="al1ce"), event=EVENT)

    store.delete(account.account_id, now=now, end_tokens=end_tokens, event=EVENT)
    assert store.has_look_alike("alice")
    store.change(namesake, AccountChange(username="bob"), now=now, event=EVENT)
    assert not store.has_look_alike("alice")
    assert store.has_look_alike("b0b")


def test_p_pw_3_of_look_alikes_that_are_made_at_once_one_is_kept(
    store: SqlAccountStore, account: Account
) -> None:
    names = ("modern", "modem", "rnodern", "m0dem")
    made = [replace(account, account_id=new_account_id(), username=name) for name in names]

    outcomes = at_once(
        [partial(store.create, one, must_look_new=True, event=EVENT) for one in made]
    )

    assert outcomes.count(None) == 1
    assert [type(o) for o in outcomes if o is not None] == [UsernameTaken] * 3
    assert sum(store.find(one.account_id) is not None for one in made) == 1


def test_another_address_is_not_verified_but_another_case_of_it_is(
    store: SqlAccountStore, account: Account, now: datetime
) -> None:
    store.create(replace(account, email_verified=True), event=EVENT)

    recased, _ = store.change(
        account.account_id, AccountChange(email="ALICE@example.com"), now=now, event=EVENT
    )
    moved, _ = store.change(
        account.account_id, AccountChange(email="a@example.com"), now=now, event=EVENT
    )

    assert (recased.email, recased.email_verified) == ("ALICE@example.com", True)
    assert (moved.email, moved.email_verified) == ("a@example.com", False)


def test_a_change_leaves_alone_what_it_does_not_name(
    store: SqlAccountStore, account: Account, now: datetime
) -> None:
    store.create(account, event=EVENT)
    later = now + timedelta(minutes=1)

    changed, revocation = store.change(
        account.account_id, AccountChange(roles=()), now=later, event=EVENT
    )

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
    store.create(account, event=EVENT)

    change = AccountChange(state=AccountState.DISABLED)
    changed, revocation = store.change(
        account.account_id, change, now=now, end_tokens=end_tokens, event=EVENT
    )

    assert changed.epoch == 4
    assert changed.state is AccountState.DISABLED
    assert revocation is not None
    assert revocation.kind is RevocationKind.ACCOUNT
    assert (revocation.subject, revocation.epoch) == (account.account_id, 4)
    assert list(SqlRevocationJournal(engine, outbox(engine)).live(now)) == [[revocation]]


def test_a_change_that_fails_changes_and_journals_nothing(
    store: SqlAccountStore,
    engine: Engine,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
) -> None:
    store.create(account, event=EVENT)
    store.create(replace(account, account_id=new_account_id(), username="bob"), event=EVENT)

    with pytest.raises(UsernameTaken):
        store.change(
            account.account_id,
            AccountChange(username="BOB", roles=()),
            now=now,
            end_tokens=end_tokens,
            event=EVENT,
        )

    assert store.find(account.account_id) == account
    assert SqlRevocationJournal(engine, outbox(engine)).head() == 0


def test_what_is_not_there_is_not_found(
    store: SqlAccountStore, end_tokens: EndTokens, now: datetime
) -> None:
    nobody = new_account_id()

    assert store.find(nobody) is None
    with pytest.raises(AccountNotFound):
        store.change(nobody, AccountChange(), now=now, event=EVENT)
    with pytest.raises(AccountNotFound):
        store.delete(nobody, now=now, end_tokens=end_tokens, event=EVENT)


def test_a_deleted_account_is_gone_and_its_tokens_are_ended(
    store: SqlAccountStore,
    engine: Engine,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
) -> None:
    store.create(account, event=EVENT)

    revocation = store.delete(account.account_id, now=now, end_tokens=end_tokens, event=EVENT)

    assert store.find(account.account_id) is None
    assert revocation.epoch == account.epoch + 1
    assert list(SqlRevocationJournal(engine, outbox(engine)).live(now)) == [[revocation]]


def test_accounts_are_listed_in_the_order_of_their_ids(
    store: SqlAccountStore, account: Account
) -> None:
    ids = [AccountId(f"acc_{number:032x}") for number in (1, 9, 10, 0xA0)]
    for number, account_id in enumerate(reversed(ids)):
        store.create(replace(account, account_id=account_id, username=f"user{number}"), event=EVENT)

    first = store.list(after=None, limit=3)
    second = store.list(after=first[-1].account_id, limit=3)

    assert [listed.account_id for listed in (*first, *second)] == ids


def test_one_of_eight_creations_of_a_user_name_wins(
    store: SqlAccountStore, account: Account
) -> None:
    rivals = [replace(account, account_id=new_account_id()) for _ in range(8)]

    outcomes = at_once([partial(store.create, rival, event=EVENT) for rival in rivals])

    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == 7
    assert len(store.list(after=None, limit=10)) == 1


def test_one_of_eight_changes_of_an_epoch_wins(
    store: SqlAccountStore, account: Account, end_tokens: EndTokens, now: datetime
) -> None:
    store.create(account, event=EVENT)
    change = partial(
        store.change,
        account.account_id,
        AccountChange(password_hash="new"),
        now=now,
        end_tokens=end_tokens,
        expected_epoch=account.epoch,
        event=EVENT,
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
    store.create(account, event=EVENT)

    with pytest.raises(AuthError) as caught:
        store.create(replace(account, username="bob"), event=EVENT)

    assert "argon2id" not in repr(caught.value)
    assert caught.value.__suppress_context__
