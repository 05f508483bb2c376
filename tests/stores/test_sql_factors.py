"""The contracts of FactorStore and TotpStore on every database."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, select

from authsvc.domain.accounts import Account, EndTokens
from authsvc.domain.factors import Enrolled, Enrolment, Factor, FactorType
from authsvc.domain.identifiers import new_account_id, new_factor_id
from authsvc.domain.revocation import Revocation
from authsvc.domain.totp import NO_STEP, PendingTotp, TotpSecret
from authsvc.errors import AccountNotFound, FactorLimitReached, FactorNotFound
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.factors import SqlFactorStore
from authsvc.stores.sql.schema import (
    factors,
    recovery_codes,
    totp_enrolments,
    totp_secrets,
)
from authsvc.stores.sql.sealing import Sealer, WrongMasterKey
from authsvc.stores.sql.totp import SqlTotpStore
from authsvc.stores.sql.transactions import read
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once

SEED = bytes(range(100, 120))
CODES = tuple(bytes([n]) * 32 for n in range(10))
TABLES = (factors, totp_secrets, totp_enrolments, recovery_codes)


@dataclass(frozen=True)
class Kept:
    """The stores of one database, and an account in it."""

    engine: Engine
    accounts: SqlAccountStore
    factors: SqlFactorStore
    totp: SqlTotpStore
    account: Account
    now: datetime
    end_tokens: EndTokens

    def app(self, epoch: int | None = None) -> PendingTotp:
        """A new app of the account's."""
        return PendingTotp(
            factor_id=new_factor_id(),
            account_id=self.account.account_id,
            display_name="Ada's phone \N{MOBILE PHONE}",
            seed=SEED,
            epoch=self.account.epoch if epoch is None else epoch,
            expire_time=self.now + timedelta(minutes=10),
        )

    def enrolment(self, pending: PendingTotp, *, limit: int = 3) -> Enrolment:
        """What makes it count."""
        return Enrolment(
            factor=Factor(
                factor_id=pending.factor_id,
                account_id=pending.account_id,
                type=FactorType.TOTP,
                display_name=pending.display_name,
                create_time=self.now,
            ),
            limit=limit,
            event=EVENT,
            recovery_code_hashes=CODES,
            expected_epoch=pending.epoch,
            end_tokens=self.end_tokens,
        )

    def enrol(self, pending: PendingTotp, *, step: int = 100, limit: int = 3) -> Enrolled:
        """Make it count."""
        self.totp.begin(pending, event=EVENT)
        return self.totp.enrol(self.enrolment(pending, limit=limit), pending, step=step)

    def remove(self, pending: PendingTotp, *, epoch: int) -> tuple[Account, Revocation]:
        """Take it away."""
        return self.factors.remove(
            pending.account_id,
            pending.factor_id,
            now=self.now,
            expected_epoch=epoch,
            end_tokens=self.end_tokens,
            event=EVENT,
        )

    def rows(self) -> list[int]:
        """How many rows the tables have."""
        with read(self.engine) as connection:
            return [len(connection.execute(select(table)).all()) for table in TABLES]


@pytest.fixture(name="kept")
def _kept(
    engine: Engine, sealer: Sealer, account: Account, now: datetime, end_tokens: EndTokens
) -> Kept:
    accounts = SqlAccountStore(engine, outbox(engine))
    accounts.create(account, event=EVENT)
    return Kept(
        engine,
        accounts,
        SqlFactorStore(engine, outbox(engine)),
        SqlTotpStore(engine, outbox(engine), sealer),
        account,
        now,
        end_tokens,
    )


def test_the_first_factor_keeps_the_recovery_codes_and_raises_the_epoch(kept: Kept) -> None:
    account, app = kept.account, kept.app()
    enrolled = kept.enrol(app)

    assert enrolled.is_first
    assert enrolled.account.epoch == enrolled.revocation.epoch == account.epoch + 1
    assert enrolled.account.has_second_factor
    assert kept.accounts.find(account.account_id) == enrolled.account
    assert kept.factors.list(account.account_id) == [kept.enrolment(app).factor]
    assert kept.factors.count_recovery_codes(account.account_id) == 10


def test_another_factor_leaves_the_recovery_codes_alone(kept: Kept) -> None:
    account_id = kept.account.account_id
    enrolled = kept.enrol(kept.app())
    kept.factors.spend_recovery_code(account_id, CODES[0], event=EVENT)

    second = kept.enrol(kept.app(enrolled.account.epoch))

    assert not second.is_first
    assert second.account.epoch == kept.account.epoch + 2
    assert kept.factors.count_recovery_codes(account_id) == 9
    assert len(kept.factors.list(account_id)) == 2


def test_no_more_factors_of_a_type_than_are_allowed(kept: Kept) -> None:
    enrolled = kept.enrol(kept.app(), limit=1)
    with pytest.raises(FactorLimitReached):
        kept.enrol(kept.app(enrolled.account.epoch), limit=1)
    assert kept.rows() == [1, 1, 1, 10]  # the second one still waits to be confirmed


def test_an_app_comes_back_as_it_was_and_a_second_one_replaces_it(kept: Kept) -> None:
    first, second = kept.app(), kept.app()
    find = kept.totp.find_pending
    kept.totp.begin(first, event=EVENT)
    assert find(first.account_id, first.factor_id) == first
    assert find(new_account_id(), first.factor_id) is None

    kept.totp.begin(second, event=EVENT)
    assert find(first.account_id, first.factor_id) is None
    assert find(first.account_id, second.factor_id) == second


def test_p_mfa_4_a_seed_is_sealed(kept: Kept) -> None:
    app = kept.app()
    kept.totp.begin(app, event=EVENT)
    with read(kept.engine) as connection:
        sealed = connection.scalars(select(totp_enrolments.c.sealed_seed)).all()
    kept.enrol(app)
    with read(kept.engine) as connection:
        sealed = [*sealed, *connection.scalars(select(totp_secrets.c.sealed_seed))]

    assert len(sealed) == 2
    assert all(SEED not in one for one in sealed)
    with pytest.raises(WrongMasterKey):
        SqlTotpStore(kept.engine, outbox(kept.engine), Sealer(bytes(32))).secrets(app.account_id)
    assert kept.totp.secrets(app.account_id) == [TotpSecret(app.factor_id, SEED, 100)]
    assert repr(SEED) not in repr((app, kept.totp.secrets(app.account_id)))


def test_p_mfa_1_of_fifty_uses_of_a_step_at_once_one_counts(kept: Kept) -> None:
    app, later = kept.app(), kept.now + timedelta(seconds=30)
    kept.enrol(app, step=100)

    used = at_once([partial(kept.totp.use, app.factor_id, step=101, now=later, event=EVENT)] * 50)

    assert sorted(used, key=str) == [False] * 49 + [True]
    assert [secret.last_step for secret in kept.totp.secrets(app.account_id)] == [101]
    assert [factor.last_use_time for factor in kept.factors.list(app.account_id)] == [later]


def test_p_mfa_1_a_step_only_goes_forward(kept: Kept) -> None:
    app = kept.app()
    kept.enrol(app, step=100)
    use = partial(kept.totp.use, now=kept.now, event=EVENT)
    uses = [use(app.factor_id, step=step) for step in (100, 99, 103, 102, 103)]
    assert uses == [False, False, True, False, False]
    assert not use(new_factor_id(), step=200)
    assert not use(app.factor_id, step=NO_STEP)


def test_p_mfa_4_of_fifty_uses_of_a_recovery_code_at_once_one_counts(kept: Kept) -> None:
    account_id = kept.account.account_id
    spend = partial(kept.factors.spend_recovery_code, event=EVENT)
    kept.enrol(kept.app())

    spent = at_once([partial(spend, account_id, CODES[4])] * 50)

    assert sorted(spent, key=str) == [False] * 49 + [True]
    assert kept.factors.count_recovery_codes(account_id) == 9
    assert not spend(new_account_id(), CODES[5])
    assert not spend(account_id, bytes([99]) * 32)


def test_p_mfa_4_a_set_of_recovery_codes_replaces_another_whole(kept: Kept) -> None:
    account_id = kept.account.account_id
    epoch = kept.enrol(kept.app()).account.epoch
    sets = [[bytes([n, m]) * 16 for m in range(10)] for n in range(1, 9)]
    replace_codes = partial(
        kept.factors.replace_recovery_codes, account_id, expected_epoch=epoch, event=EVENT
    )

    outcomes = at_once([partial(replace_codes, codes) for codes in sets])

    assert outcomes == [None] * 8
    assert kept.factors.count_recovery_codes(account_id) == 10
    spent = [
        [kept.factors.spend_recovery_code(account_id, code, event=EVENT) for code in codes]
        for codes in sets
    ]
    assert sorted(spent) == [[False] * 10] * 7 + [[True] * 10]


def test_an_account_without_a_factor_gets_no_recovery_codes(kept: Kept) -> None:
    account = kept.account
    with pytest.raises(FactorNotFound):
        kept.factors.replace_recovery_codes(
            account.account_id, CODES, expected_epoch=account.epoch, event=EVENT
        )


def test_p_rev_4_nothing_changes_at_another_epoch_than_the_callers(kept: Kept) -> None:
    app, epoch = kept.app(), kept.account.epoch
    kept.totp.begin(app, event=EVENT)
    stale = replace(kept.enrolment(app), expected_epoch=epoch - 1)
    for change in (
        lambda: kept.totp.enrol(stale, app, step=1),
        lambda: kept.totp.begin(kept.app(epoch + 1), event=EVENT),
        lambda: kept.remove(app, epoch=epoch + 1),
        lambda: kept.factors.replace_recovery_codes(
            app.account_id, CODES, expected_epoch=epoch + 1, event=EVENT
        ),
    ):
        with pytest.raises(AccountNotFound):
            change()
    assert kept.rows() == [0, 0, 1, 0]


def test_of_enrolments_of_one_app_at_once_one_succeeds(kept: Kept) -> None:
    app = kept.app()
    kept.totp.begin(app, event=EVENT)

    outcomes = at_once([partial(kept.totp.enrol, kept.enrolment(app), app, step=1)] * 8)

    assert [type(outcome) for outcome in outcomes].count(Enrolled) == 1
    assert sum(isinstance(outcome, AccountNotFound) for outcome in outcomes) == 7
    assert kept.rows() == [1, 1, 0, 10]


def test_the_last_factor_takes_the_recovery_codes_with_it(kept: Kept) -> None:
    first = kept.app()
    second = kept.app(kept.enrol(first).account.epoch)
    epoch = kept.enrol(second).account.epoch

    changed, revocation = kept.remove(first, epoch=epoch)
    assert changed.has_second_factor
    assert changed.epoch == revocation.epoch == epoch + 1
    assert kept.factors.count_recovery_codes(first.account_id) == 10
    with pytest.raises(FactorNotFound):
        kept.remove(first, epoch=epoch + 1)

    changed, _ = kept.remove(second, epoch=epoch + 1)
    assert not changed.has_second_factor
    assert kept.rows() == [0, 0, 0, 0]


def test_a_reset_takes_everything(kept: Kept) -> None:
    account_id, epoch = kept.account.account_id, kept.enrol(kept.app()).account.epoch
    kept.totp.begin(kept.app(epoch), event=EVENT)
    reset = partial(kept.factors.reset, now=kept.now, end_tokens=kept.end_tokens, event=EVENT)

    assert reset(account_id).epoch == epoch + 1

    assert kept.rows() == [0, 0, 0, 0]
    found = kept.accounts.find(account_id)
    assert found is not None
    assert not found.has_second_factor
    with pytest.raises(AccountNotFound):
        reset(new_account_id())


def test_a_deleted_account_leaves_nothing_behind(kept: Kept) -> None:
    kept.totp.begin(kept.app(kept.enrol(kept.app()).account.epoch), event=EVENT)
    assert kept.rows() == [1, 1, 1, 10]

    kept.accounts.delete(
        kept.account.account_id, now=kept.now, end_tokens=kept.end_tokens, event=EVENT
    )

    assert kept.rows() == [0, 0, 0, 0]


def test_apps_that_are_not_confirmed_in_time_are_forgotten(kept: Kept) -> None:
    app = kept.app()
    kept.totp.begin(app, event=EVENT)
    kept.totp.purge(app.expire_time - timedelta(microseconds=1))
    assert kept.totp.find_pending(app.account_id, app.factor_id) is not None
    kept.totp.purge(app.expire_time)
    assert kept.totp.find_pending(app.account_id, app.factor_id) is None
