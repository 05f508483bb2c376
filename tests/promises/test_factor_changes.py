"""A change of factors ends what went before, and needs its owner there (P-REV-4, P-MFA-3)."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    GetAccountRequest,
)
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.factor_service_pb2 import (
    ConfirmTotpRequest,
    DeleteFactorRequest,
    EnrollTotpRequest,
    RegenerateRecoveryCodesRequest,
    ResetFactorsRequest,
)
from authn.v1.token_pb2 import TokenSet
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from sqlalchemy import update

from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.schema import accounts
from authsvc.stores.sql.transactions import write
from tests.porch.processes import clean_environment
from tests.promises.asking import Pair, is_dead, reasons, refresh, refusal, verify
from tests.promises.phone import confirm, enrol, listed
from tests.service import PASSWORD, Service, bearer, reason

OTHER_PASSWORD = PASSWORD + " and more"


def test_p_mfa_3_what_was_opened_before_the_enrolment_is_dead(pair: Pair) -> None:
    registered = pair.first.register()
    me = bearer(registered.tokens.access_token)
    elsewhere = pair.second.login(registered.account.username)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
    assert not is_dead(pair.first, elsewhere)

    confirm(pair.first, new.factor_id, new.secret, me)

    for service in pair:
        assert is_dead(service, registered.tokens)
        assert is_dead(service, elsewhere)


# Who may change factors


def test_p_mfa_3_a_stolen_access_token_enrols_nothing_once_the_login_is_old(own: Service) -> None:
    tokens = own.register().tokens
    own.clock.offset = timedelta(minutes=9)
    tokens = refresh(own, tokens.refresh_token)
    own.clock.offset = timedelta(minutes=10, seconds=5)

    request = EnrollTotpRequest(display_name="mine")
    with pytest.raises(grpc.RpcError) as caught:
        own.factor.EnrollTotp(request, metadata=bearer(tokens.access_token))

    assert reason(caught.value) == "INSUFFICIENT_USER_AUTHENTICATION"
    assert wanted(caught.value) == {"max_age": "600"}


def test_an_enrolment_that_is_not_confirmed_in_time_is_none(own: Service) -> None:
    me = bearer(own.register().tokens.access_token)
    new = own.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
    own.clock.offset = timedelta(minutes=5)
    tokens = own.login(own.account.GetAccount(GetAccountRequest(), metadata=me).account.username)
    own.clock.offset = timedelta(minutes=10)
    me = bearer(tokens.access_token)
    attempt = partial(confirm, own, new.factor_id, new.secret, me)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"


def test_of_two_enrolments_the_later_counts(pair: Pair) -> None:
    me = bearer(pair.first.register().tokens.access_token)
    first, second = (
        pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
        for _ in range(2)
    )
    attempt = partial(confirm, pair.first, first.factor_id, first.secret, me)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"
    assert confirm(pair.first, second.factor_id, second.secret, me).session_id


def test_of_confirmations_at_once_one_enrols(pair: Pair) -> None:
    me = bearer(pair.first.register().tokens.access_token)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)

    outcomes = reasons(
        [partial(confirm, pair[n % 2], new.factor_id, new.secret, me) for n in range(8)]
    )

    assert outcomes.count("") == 1
    assert set(outcomes) <= {"", "TOKEN_INACTIVE", "FACTOR_NOT_FOUND"}


def test_an_account_has_three_apps_at_most(pair: Pair) -> None:
    tokens = enrol(pair.first).tokens
    for _ in range(2):
        me = bearer(tokens.access_token)
        new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="x"), metadata=me)
        tokens = confirm(pair.first, new.factor_id, new.secret, me)
    me = bearer(tokens.access_token)
    attempt = partial(
        pair.first.factor.EnrollTotp, EnrollTotpRequest(display_name="x"), metadata=me
    )
    assert refusal(attempt) == "FACTOR_LIMIT_REACHED"


def test_the_last_factor_takes_the_recovery_codes_with_it(pair: Pair) -> None:
    owner = enrol(pair.first)
    me = bearer(owner.tokens.access_token)
    deleted = pair.first.factor.DeleteFactor(
        DeleteFactorRequest(factor_id=owner.factor_id), metadata=me
    )
    me = bearer(deleted.tokens.access_token)

    assert listed(pair.first, owner) == ([], 0)
    assert pair.second.login(owner.username).session_id
    attempt = partial(
        pair.first.factor.RegenerateRecoveryCodes, RegenerateRecoveryCodesRequest(), metadata=me
    )
    assert refusal(attempt) == "FACTOR_NOT_FOUND"


def test_a_factor_of_somebody_else_is_not_known(pair: Pair) -> None:
    mine, theirs = enrol(pair.first), enrol(pair.first)
    request = DeleteFactorRequest(factor_id=theirs.factor_id)
    me = bearer(mine.tokens.access_token)
    attempt = partial(pair.first.factor.DeleteFactor, request, metadata=me)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"
    assert not is_dead(pair.first, theirs.tokens)


def test_a_reset_leaves_the_password_alone(pair: Pair) -> None:
    owner = enrol(pair.first)
    request = ResetFactorsRequest(account_id=owner.account_id)
    revision = pair.first.factor.ResetFactors(request).revision

    assert is_dead(pair.second, owner.tokens)
    tokens = pair.second.login(owner.username)
    assert verify(pair.second, tokens.access_token, min_revision=revision).acr == "aal1"
    assert listed(pair.first, owner) == ([], 0)


# Who may change factors without one


def weak_session(service: Service) -> TokenSet:
    """A session by password alone of an account that has a second factor: there should be none."""
    registered = service.register()
    engine = connect(service.app.config.sql_url())
    this = accounts.c.account_id == registered.account.account_id
    write(engine, lambda c: c.execute(update(accounts).where(this).values(has_second_factor=True)))
    engine.dispose()
    return registered.tokens


@pytest.mark.parametrize(
    "change",
    [
        lambda service, me: service.account.ChangePassword(
            ChangePasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD),
            metadata=me,
        ),
        lambda service, me: service.factor.EnrollTotp(
            EnrollTotpRequest(display_name="x"), metadata=me
        ),
        lambda service, me: service.factor.ConfirmTotp(
            ConfirmTotpRequest(factor_id="fac_" + "0" * 32, totp_code="000000"), metadata=me
        ),
        lambda service, me: service.factor.RegenerateRecoveryCodes(
            RegenerateRecoveryCodesRequest(), metadata=me
        ),
        lambda service, me: service.factor.DeleteFactor(
            DeleteFactorRequest(factor_id="fac_" + "0" * 32), metadata=me
        ),
    ],
)
def test_p_mfa_3_a_session_without_the_factor_changes_nothing(
    change: Callable[[Service, object], object], pair: Pair
) -> None:
    me = bearer(weak_session(pair.first).access_token)
    username = pair.first.account.GetAccount(GetAccountRequest(), metadata=me).account.username
    attempt = partial(change, pair.first, me)
    assert refusal(attempt) == "INSUFFICIENT_USER_AUTHENTICATION"

    same = LoginRequest(identifier=username, password=PASSWORD)
    assert pair.first.auth.Login(same).HasField("mfa_challenge")
    assert pair.first.account.GetAccount(GetAccountRequest(), metadata=me).account.epoch == 0


def wanted(error: grpc.RpcError) -> dict[str, str]:
    """What ErrorInfo says is wanted."""
    info = ErrorInfo()
    status = rpc_status.from_call(error)
    assert status is not None
    assert status.details[0].Unpack(info)
    return dict(info.metadata)


def test_the_command_line_resets_factors(pair: Pair) -> None:
    owner = enrol(pair.first)
    command = ("accounts", "reset-factors", owner.account_id, "--server", pair.first.address)
    run = partial(
        subprocess.run,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    authsvc = (sys.executable, "-m", "authsvc.cli", *command)

    assert run(authsvc, input="n\n").returncode == 1
    assert not is_dead(pair.second, owner.tokens)
    done = run((*authsvc, "--yes"))

    assert done.returncode == 0, done.stderr
    assert "gone as of revision" in done.stdout
    assert verify(pair.second, pair.second.login(owner.username).access_token).acr == "aal1"
