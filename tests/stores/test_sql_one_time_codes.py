"""The contract of OneTimeCodeStore, and of the changes that use codes up, on every database."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from authsvc.domain.accounts import (
    UNCHANGED,
    Account,
    AccountChange,
    AccountState,
    Addressee,
    EndTokens,
)
from authsvc.domain.addresses import Address, AddressKind
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.one_time_codes import GuessLimit, KeptCode
from authsvc.errors import AccountNotFound, InvalidCode, TooManyAttempts
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.one_time_codes import SqlOneTimeCodeStore
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

LIMIT = GuessLimit(guesses=3, window=timedelta(hours=1))
MINUTE = timedelta(minutes=1)


def h(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlOneTimeCodeStore:
    return SqlOneTimeCodeStore(engine, outbox(engine))


@pytest.fixture(name="accounts")
def _accounts(engine: Engine) -> SqlAccountStore:
    return SqlAccountStore(engine, outbox(engine))


@pytest.fixture(name="code")
def _code(account: Account, now: datetime) -> KeptCode:
    return KeptCode(
        holder=h("holder"),
        code_hash=h("code"),
        is_guessable=True,
        account_id=account.account_id,
        epoch=account.epoch,
        address=h("address"),
        expire_time=now + 10 * MINUTE,
    )


def guess(store: SqlOneTimeCodeStore, code: str, now: datetime) -> KeptCode | None:
    return store.guess({h("holder"): h(code)}, now=now, limit=LIMIT)


def test_a_code_comes_back_as_it_was_until_it_ends(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    store.keep(code, now=now, limit=LIMIT, event=EVENT)

    for _ in range(2):  # to be given is not to be used up
        assert guess(store, "code", now) == code
        assert store.find(code.code_hash, now=now) == code
    assert guess(store, "code", code.expire_time - timedelta(microseconds=1)) == code
    assert guess(store, "code", code.expire_time) is None
    assert store.find(code.code_hash, now=code.expire_time) is None
    assert store.guess({h("other"): h("code")}, now=now, limit=LIMIT) is None
    assert store.guess({}, now=now, limit=LIMIT) is None


def test_the_newest_code_of_a_holder_takes_the_place_of_the_others(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    newest = replace(code, code_hash=h("newest"), expire_time=now + 20 * MINUTE)
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    store.keep(newest, now=now, limit=LIMIT, event=EVENT)

    assert guess(store, "code", now) is None
    assert store.find(code.code_hash, now=now) is None
    assert guess(store, "newest", now) == newest


def test_of_racing_codes_of_a_new_holder_one_is_kept(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    codes = [replace(code, code_hash=h(str(number))) for number in range(8)]

    outcomes = at_once(
        [partial(store.keep, code, now=now, limit=LIMIT, event=EVENT) for code in codes]
    )

    assert outcomes == [None] * 8
    assert len([code for code in codes if store.find(code.code_hash, now=now)]) == 1


def test_p_thr_1_the_last_wrong_guess_voids_the_code_and_no_new_one_can_be_guessed_at(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    for number in range(LIMIT.guesses - 1):
        assert guess(store, f"wrong {number}", now + MINUTE) is None
    assert guess(store, "code", now + MINUTE) == code

    assert guess(store, "wrong", now + 2 * MINUTE) is None

    assert guess(store, "code", now + 2 * MINUTE) is None
    with pytest.raises(TooManyAttempts) as refused:
        store.keep(code, now=now + 2 * MINUTE, limit=LIMIT, event=EVENT)
    assert refused.value.retry_after == LIMIT.window - MINUTE  # it began with the first
    later = now + MINUTE + LIMIT.window
    store.keep(replace(code, expire_time=later + MINUTE), now=later, limit=LIMIT, event=EVENT)
    for number in range(LIMIT.guesses):
        assert guess(store, "code", later) is not None
        assert guess(store, f"wrong {number}", later) is None
    assert guess(store, "code", later) is None


def test_p_thr_1_a_new_code_brings_no_new_guesses(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    for number in range(LIMIT.guesses):
        store.keep(code, now=now, limit=LIMIT, event=EVENT)
        assert guess(store, f"wrong {number}", now) is None

    assert guess(store, "code", now) is None


def test_p_thr_1_racing_guesses_are_counted_exactly(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    at_once([partial(guess, store, f"wrong {n}", now) for n in range(LIMIT.guesses - 1)])
    assert guess(store, "code", now) == code

    at_once([partial(guess, store, f"wrong {n}", now) for n in range(8)])

    assert guess(store, "code", now) is None


def test_what_cannot_be_guessed_is_not_harmed_by_guesses_nor_refused_for_them(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    for number in range(LIMIT.guesses):
        guess(store, f"wrong {number}", now)
    link = replace(code, code_hash=h("link"), is_guessable=False)

    store.keep(link, now=now, limit=LIMIT, event=EVENT)
    for guessed in ("link", "wrong", "wrong", "wrong"):
        assert guess(store, guessed, now) is None

    assert store.find(link.code_hash, now=now) == link


def test_a_guess_at_the_codes_of_several_holders_is_counted_on_all_or_on_none(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    other = replace(code, holder=h("other"), code_hash=h("other's"))
    for kept in (code, other):
        store.keep(kept, now=now, limit=LIMIT, event=EVENT)
    both = {h("holder"): h("wrong"), h("other"): h("other's")}

    for _ in range(LIMIT.guesses):
        assert store.guess(both, now=now, limit=LIMIT) == other
    assert guess(store, "code", now) == code
    for _ in range(LIMIT.guesses):
        store.guess({**both, h("other"): h("wrong")}, now=now, limit=LIMIT)

    assert guess(store, "code", now) is None
    assert store.guess({h("other"): h("other's")}, now=now, limit=LIMIT) is None


def test_what_has_ended_is_forgotten_and_nothing_else(
    store: SqlOneTimeCodeStore, code: KeptCode, now: datetime
) -> None:
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    store.keep(
        replace(code, holder=h("other"), code_hash=h("other"), expire_time=now + 30 * MINUTE),
        now=now,
        limit=LIMIT,
        event=EVENT,
    )

    assert store.purge(code.expire_time) == 0
    assert store.purge(code.expire_time + MINUTE) == 1
    assert store.find(code.code_hash, now=now) is None
    assert store.find(h("other"), now=now) is not None


def test_a_code_is_used_up_by_one_of_racing_changes(
    store: SqlOneTimeCodeStore,
    accounts: SqlAccountStore,
    account: Account,
    code: KeptCode,
    now: datetime,
) -> None:
    accounts.create(account, event=EVENT)
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    use = partial(
        accounts.change,
        account.account_id,
        AccountChange(verified=AddressKind.EMAIL),
        now=now,
        code_hash=code.code_hash,
        event=EVENT,
    )

    outcomes = at_once([use] * 8)

    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvalidCode) for outcome in outcomes) == 7
    assert guess(store, "code", now) is None


@pytest.mark.parametrize("reason", ["wrong", "ended", "another's", "epoch"])
def test_a_change_that_its_code_does_not_allow_is_not_made_and_uses_nothing_up(
    engine: Engine, account: Account, code: KeptCode, now: datetime, reason: str
) -> None:
    store, accounts = (
        SqlOneTimeCodeStore(engine, outbox(engine)),
        SqlAccountStore(engine, outbox(engine)),
    )
    other = replace(account, account_id=new_account_id(), username="other", email=None)
    accounts.create(account, event=EVENT)
    accounts.create(other, event=EVENT)
    store.keep(code, now=now, limit=LIMIT, event=EVENT)

    with pytest.raises((InvalidCode, AccountNotFound)):
        accounts.change(
            other.account_id if reason == "another's" else account.account_id,
            AccountChange(password_hash="new"),
            now=code.expire_time if reason == "ended" else now,
            end_tokens=EndTokens(reason="", remember_until=now),
            expected_epoch=account.epoch + (reason == "epoch"),
            code_hash=h("wrong") if reason == "wrong" else code.code_hash,
            event=EVENT,
        )

    assert accounts.find(account.account_id) == account
    assert accounts.find(other.account_id) == other
    assert SqlRevocationJournal(engine, outbox(engine)).head() == 0
    assert guess(store, "code", now) == code


def test_an_address_is_verified_by_one_of_racing_accounts(
    store: SqlOneTimeCodeStore,
    accounts: SqlAccountStore,
    account: Account,
    code: KeptCode,
    now: datetime,
) -> None:
    rivals = [
        replace(
            account,
            account_id=new_account_id(),
            username=f"rival-{number}",
            phone_number="+4915112345678",
        )
        for number in range(4)
    ]
    for rival in rivals:
        accounts.create(rival, event=EVENT)
    for kind in AddressKind:
        uses = []
        for rival in rivals:
            name = f"{rival.username} {kind}"
            theirs = replace(
                code, account_id=rival.account_id, holder=h(name), code_hash=h(f"code {name}")
            )
            store.keep(theirs, now=now, limit=LIMIT, event=EVENT)
            change = AccountChange(verified=kind)
            uses.append(
                partial(
                    accounts.change,
                    rival.account_id,
                    change,
                    now=now,
                    code_hash=theirs.code_hash,
                    event=EVENT,
                )
            )

        outcomes = at_once(uses)

        winners = [outcome[0] for outcome in outcomes if isinstance(outcome, tuple)]
        assert len(winners) == 1
        assert sum(isinstance(outcome, InvalidCode) for outcome in outcomes) == 3
        (winner,) = winners
        (address,) = (a for a in winner.verified_addresses() if a.kind is kind)
        owner = accounts.find_addressee(address)
        assert owner is not None
        assert owner.account_id == winner.account_id
        store.purge(now + 60 * MINUTE)


def test_only_a_verified_address_finds_an_account_by_it(
    accounts: SqlAccountStore, account: Account, now: datetime
) -> None:
    email = Address(AddressKind.EMAIL, "ALICE@example.com")
    number = Address(AddressKind.PHONE_NUMBER, "+4915112345678")
    accounts.create(replace(account, phone_number=number.text), event=EVENT)

    assert accounts.find_addressee(email) is None
    assert accounts.find_addressee(number) is None
    for kind in AddressKind:
        accounts.change(account.account_id, AccountChange(verified=kind), now=now, event=EVENT)
    for address, named in ((email, "Alice@Example.com"), (number, number.text)):
        assert accounts.find_addressee(address) == Addressee(
            account_id=account.account_id,
            epoch=account.epoch,
            address=Address(address.kind, named),
            is_active=True,
            has_password=True,
        )
    assert accounts.find_addressee(Address(AddressKind.EMAIL, number.text)) is None


def test_a_named_account_is_found_with_its_address_of_the_kind_verified_or_not(
    accounts: SqlAccountStore, account: Account
) -> None:
    closed = replace(account, state=AccountState.DISABLED, password_hash=None)
    accounts.create(closed, event=EVENT)
    other = Address(AddressKind.EMAIL, "other@example.com")

    found = accounts.find_addressee(other, account_id=account.account_id)

    assert found is not None
    assert found.address == Address(AddressKind.EMAIL, "Alice@Example.com")
    assert (found.is_active, found.has_password) == (False, False)
    number = Address(AddressKind.PHONE_NUMBER, "+4915112345678")
    assert accounts.find_addressee(number, account_id=account.account_id) is None
    assert accounts.find_addressee(other, account_id=new_account_id()) is None


@pytest.mark.parametrize(
    "change",
    [
        AccountChange(email="else@example.com"),
        AccountChange(email=None),
        AccountChange(phone_number="+4915112345679"),
        AccountChange(phone_number=None),
    ],
)
def test_another_address_is_not_verified_frees_the_old_one_and_voids_codes(
    engine: Engine, account: Account, code: KeptCode, now: datetime, change: AccountChange
) -> None:
    store, accounts = (
        SqlOneTimeCodeStore(engine, outbox(engine)),
        SqlAccountStore(engine, outbox(engine)),
    )
    held = replace(
        account, email_verified=True, phone_number="+4915112345678", phone_number_verified=True
    )
    accounts.create(held, event=EVENT)
    store.keep(code, now=now, limit=LIMIT, event=EVENT)

    changed, _ = accounts.change(account.account_id, change, now=now, event=EVENT)

    assert len(changed.verified_addresses()) == 1
    assert guess(store, "code", now) is None
    freed = set(held.verified_addresses()) - set(changed.verified_addresses())
    for address in freed:
        assert accounts.find_addressee(address) is None
    heir = replace(held, account_id=new_account_id(), username="heir")
    if change.email is not UNCHANGED:
        heir = replace(heir, phone_number=None, phone_number_verified=False)
    else:
        heir = replace(heir, email=None, email_verified=False)
    accounts.create(heir, event=EVENT)


def test_a_change_of_anything_else_leaves_addresses_and_codes_alone(
    store: SqlOneTimeCodeStore,
    accounts: SqlAccountStore,
    account: Account,
    code: KeptCode,
    now: datetime,
) -> None:
    held = replace(
        account, email_verified=True, phone_number="+4915112345678", phone_number_verified=True
    )
    accounts.create(held, event=EVENT)
    store.keep(code, now=now, limit=LIMIT, event=EVENT)
    change = AccountChange(
        username="Bob", email="alice@EXAMPLE.com", phone_number="+4915112345678", roles=()
    )

    changed, _ = accounts.change(account.account_id, change, now=now, event=EVENT)

    assert len(changed.verified_addresses()) == 2
    assert guess(store, "code", now) == code


def test_the_codes_of_a_deleted_account_are_deleted_with_it(
    engine: Engine, account: Account, code: KeptCode, now: datetime, end_tokens: EndTokens
) -> None:
    store, accounts = (
        SqlOneTimeCodeStore(engine, outbox(engine)),
        SqlAccountStore(engine, outbox(engine)),
    )
    accounts.create(account, event=EVENT)
    store.keep(code, now=now, limit=LIMIT, event=EVENT)

    accounts.delete(account.account_id, now=now, end_tokens=end_tokens, event=EVENT)

    assert store.find(code.code_hash, now=now) is None
