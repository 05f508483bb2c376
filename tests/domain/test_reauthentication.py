"""Who may change what an account proves itself with (ASVS 7.5.1)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authsvc.domain.accounts import Account, AccountState
from authsvc.domain.calls import Call
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.reauthentication import Reauthentication, at_the_same_epoch
from authsvc.errors import (
    AccountNotFound,
    InsufficientUserAuthentication,
    TokenInactive,
    TokenRequired,
)
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.migrate import upgrade
from authsvc.verify.claims import Claims, read_claims
from tests.stores.outbox import EVENT, outbox
from tests.verify.minting import CLAIMS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = Account(
    account_id=new_account_id(),
    username="ada",
    email=None,
    email_verified=False,
    roles=(),
    state=AccountState.ACTIVE,
    epoch=3,
    password_hash=None,
    create_time=NOW,
    update_time=NOW,
    password_change_time=None,
)


@pytest.fixture(name="reauthentication")
def _reauthentication(tmp_path: Path) -> Iterator[Reauthentication]:
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    upgrade(engine)
    accounts = SqlAccountStore(engine, outbox(engine))
    accounts.create(ACCOUNT, event=EVENT)
    yield Reauthentication(accounts=accounts, clock=lambda: NOW)
    engine.dispose()


def call(*, age: int = 0, **claims: object) -> Call:
    """A call with a token of somebody who logged in so many seconds ago."""
    said = {
        **CLAIMS,
        "sub": ACCOUNT.account_id,
        "epoch": ACCOUNT.epoch,
        "auth_time": int(NOW.timestamp()) - age,
        **claims,
    }
    return _call(read_claims(said))


def _call(claims: Claims | None) -> Call:
    return Call(
        client_id="web",
        client_scopes=frozenset(),
        peer="127.0.0.1",
        time_left=lambda: timedelta(seconds=5),
        claims=claims,
    )


def test_a_login_of_the_last_ten_minutes_will_do(reauthentication: Reauthentication) -> None:
    assert reauthentication.require(call()) == ACCOUNT
    assert reauthentication.require(call(age=600)) == ACCOUNT


def test_p_mfa_3_an_older_login_will_not(reauthentication: Reauthentication) -> None:
    with pytest.raises(InsufficientUserAuthentication) as caught:
        reauthentication.require(call(age=601))
    assert caught.value.max_age == timedelta(minutes=10)


@pytest.mark.parametrize("epoch", [2, 4])
def test_p_rev_4_a_token_that_died_since_it_was_checked_changes_nothing(
    epoch: int, reauthentication: Reauthentication
) -> None:
    with pytest.raises(TokenInactive):
        reauthentication.require(call(epoch=epoch))
    with pytest.raises(TokenInactive):
        reauthentication.require(call(sub=new_account_id()))
    with pytest.raises(TokenInactive), at_the_same_epoch():
        raise AccountNotFound


def test_nobody_is_nobody(reauthentication: Reauthentication) -> None:
    with pytest.raises(TokenRequired):
        reauthentication.require(_call(None))
