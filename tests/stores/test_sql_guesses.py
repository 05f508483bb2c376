"""The contract of GuessStore on every database."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, text

from authsvc.domain.accounts import Account, AccountChange, EndTokens
from authsvc.domain.guessing import Counter, Failures, Guesses, Settlement, nobody
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.guesses import SqlGuessStore
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

LONG = timedelta(days=30)
NAME, OTHER_NAME = b"n" * 32, b"o" * 32


class Refused(Exception):
    """What a judge says to more than may be."""


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlGuessStore:
    return SqlGuessStore(engine, outbox(engine))


@pytest.fixture(name="stranger")
def _stranger() -> Counter:
    return Counter(kind="password", name=NAME, subject=nobody(NAME))


@pytest.fixture(name="owner")
def _owner(engine: Engine, account: Account) -> Counter:
    SqlAccountStore(engine, outbox(engine)).create(account, event=EVENT)
    return Counter(kind="password", name=NAME, subject=account.account_id)


def under(counter: Counter, name: bytes) -> Counter:
    """The same subject's counter under another name."""
    return Counter(kind=counter.kind, name=name, subject=counter.subject)


def wrong(store: SqlGuessStore, counter: Counter, now: datetime, life: timedelta = LONG) -> None:
    """Count a wrong guess."""
    store.settle(counter, lambda _: Settlement(life), now=now)


def at_most(limit: int, of: Callable[[Guesses], Failures]) -> Callable[[Guesses], Settlement]:
    """Judge so that no more are counted."""

    def judge(guesses: Guesses) -> Settlement:
        if of(guesses).count >= limit:
            raise Refused
        return Settlement(LONG)

    return judge


def test_nothing_is_known_at_first(store: SqlGuessStore, stranger: Counter, now: datetime) -> None:
    assert store.look(stranger, now=now).none


def test_wrong_guesses_are_counted_and_a_right_one_ends_the_row(
    store: SqlGuessStore, owner: Counter, now: datetime
) -> None:
    for second in range(3):
        wrong(store, owner, now + timedelta(seconds=second))
    known = Failures(count=3, last_time=now + timedelta(seconds=2))
    assert store.look(owner, now=now) == Guesses(by_name=known, at_subject=known)

    store.settle(owner, lambda _: Settlement(None), now=now)

    assert store.look(owner, now=now).none


def test_p_thr_1_parallel_first_guesses_are_all_counted(
    store: SqlGuessStore, stranger: Counter, now: datetime
) -> None:
    calls = [partial(wrong, store, stranger, now) for _ in range(8)]

    assert at_once(calls) == [None] * 8

    assert store.look(stranger, now=now).by_name.count == 8


def test_p_thr_1_no_more_are_counted_under_all_names_at_once_than_is_judged(
    store: SqlGuessStore, owner: Counter, now: datetime
) -> None:
    """The first ones have no rows yet that they could lock."""
    judge = at_most(1, lambda guesses: guesses.at_subject)
    names = [under(owner, bytes([number]) * 32) for number in range(8)]
    outcomes = at_once([partial(store.settle, name, judge, now=now) for name in names])

    assert outcomes.count(Settlement(LONG)) == 1
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 7
    assert store.look(owner, now=now).at_subject.count == 1


def test_p_thr_1_a_counter_does_not_go_back_with_what_fails(
    store: SqlGuessStore, owner: Counter, now: datetime
) -> None:
    wrong(store, owner, now)
    with pytest.raises(Refused):
        store.settle(owner, at_most(1, lambda guesses: guesses.by_name), now=now)
    assert store.look(owner, now=now).by_name.count == 1


def test_kinds_and_names_are_counted_apart(
    store: SqlGuessStore, owner: Counter, now: datetime
) -> None:
    totp = Counter(kind="totp", name=b"t" * 32, subject=owner.subject)
    wrong(store, owner, now)
    wrong(store, under(owner, OTHER_NAME), now)
    wrong(store, totp, now)

    assert store.look(owner, now=now).by_name.count == 1
    assert store.look(owner, now=now).at_subject.count == 2
    assert store.look(totp, now=now).at_subject.count == 1


def test_p_thr_1_a_right_guess_forgives_no_other_account_of_a_like_name(
    store: SqlGuessStore, owner: Counter, stranger: Counter, now: datetime
) -> None:
    """What nobody's name was guessed at is forgiven: the name has an owner now."""
    other = Counter(kind="password", name=NAME, subject="acc_" + "0" * 32)
    wrong(store, owner, now)
    wrong(store, stranger, now)

    store.settle(other, lambda _: Settlement(None), now=now)

    assert store.look(owner, now=now).by_name.count == 1
    assert store.look(owner, now=now).at_subject.count == 1


def test_what_is_forgotten_does_not_count_and_is_purged(
    store: SqlGuessStore, owner: Counter, stranger: Counter, now: datetime, engine: Engine
) -> None:
    wrong(store, owner, now, timedelta(hours=1))
    wrong(store, under(stranger, OTHER_NAME), now, LONG)
    later = now + timedelta(hours=1)
    assert store.look(owner, now=later).none

    wrong(store, owner, later, timedelta(hours=1))
    assert store.look(owner, now=later).by_name.count == 1

    assert store.purge(later + timedelta(hours=1)) == 1
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM guesses")) == 1


def test_nothing_is_kept_about_a_deleted_account(
    store: SqlGuessStore,
    owner: Counter,
    *,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
    engine: Engine,
) -> None:
    wrong(store, owner, now)
    wrong(store, Counter(kind="totp", name=OTHER_NAME, subject=owner.subject), now)

    SqlAccountStore(engine, outbox(engine)).delete(
        account.account_id, now=now, end_tokens=end_tokens, event=EVENT
    )
    wrong(store, owner, now)  # a guess that was under way

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM guesses")) == 0


def test_a_new_password_forgets_guesses_at_the_old_one_and_no_others(
    store: SqlGuessStore,
    owner: Counter,
    *,
    account: Account,
    end_tokens: EndTokens,
    now: datetime,
    engine: Engine,
) -> None:
    totp = Counter(kind="totp", name=OTHER_NAME, subject=owner.subject)
    wrong(store, owner, now)
    wrong(store, totp, now)
    accounts, new_hash = (
        SqlAccountStore(engine, outbox(engine)),
        AccountChange(password_hash="$argon2id$new"),
    )

    accounts.change(
        account.account_id, new_hash, now=now, event=EVENT
    )  # renewed at a login: the same password
    assert store.look(owner, now=now).by_name.count == 1
    accounts.change(account.account_id, new_hash, now=now, end_tokens=end_tokens, event=EVENT)

    assert store.look(owner, now=now).none
    assert store.look(totp, now=now).by_name.count == 1
