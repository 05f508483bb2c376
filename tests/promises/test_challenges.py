"""What ends the sessions of an account ends its challenges (P-REV-4)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    EnableAccountRequest,
)
from authn.v1.factor_service_pb2 import (
    DeleteFactorRequest,
    EnrollTotpRequest,
    ResetFactorsRequest,
)
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest

from tests.promises.asking import Pair, is_dead, refusal
from tests.promises.phone import Owner, challenge, complete, confirm, enrol
from tests.service import PASSWORD, Service, bearer
from tests.stores.hot.servers import Server

OTHER_PASSWORD = PASSWORD + " and more"


def _disable(service: Service, owner: Owner) -> None:
    service.account.DisableAccount(DisableAccountRequest(account_id=owner.account_id))


def _disable_and_enable(service: Service, owner: Owner) -> None:
    _disable(service, owner)
    service.account.EnableAccount(EnableAccountRequest(account_id=owner.account_id))


def _delete(service: Service, owner: Owner) -> None:
    service.account.DeleteAccount(DeleteAccountRequest(account_id=owner.account_id))


def _revoke_all(service: Service, owner: Owner) -> None:
    service.session.RevokeAllSessions(RevokeAllSessionsRequest(account_id=owner.account_id))


def _reset_factors(service: Service, owner: Owner) -> None:
    service.factor.ResetFactors(ResetFactorsRequest(account_id=owner.account_id))


def _change_password(service: Service, owner: Owner) -> None:
    change = ChangePasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD)
    service.account.ChangePassword(change, metadata=bearer(owner.tokens.access_token))


def _delete_factor(service: Service, owner: Owner) -> None:
    request = DeleteFactorRequest(factor_id=owner.factor_id)
    service.factor.DeleteFactor(request, metadata=bearer(owner.tokens.access_token))


def _enrol_another(service: Service, owner: Owner) -> None:
    me = bearer(owner.tokens.access_token)
    new = service.factor.EnrollTotp(EnrollTotpRequest(display_name="tablet"), metadata=me)
    confirm(service, new.factor_id, new.secret, me)


@pytest.mark.parametrize(
    "end",
    [
        _disable,
        _disable_and_enable,
        _delete,
        _revoke_all,
        _reset_factors,
        _change_password,
        _delete_factor,
        _enrol_another,
    ],
)
def test_p_rev_4_whatever_ends_sessions_ends_pending_challenges(
    end: Callable[[Service, Owner], None], pair: Pair
) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)

    end(pair.first, owner)

    for proof in ({"totp_code": owner.code()}, {"recovery_code": owner.recovery_codes[0]}):
        attempt = partial(complete, pair.second, token, **proof)
        assert refusal(attempt) == "INVALID_CHALLENGE"
    assert is_dead(pair.second, owner.tokens)


def test_p_rev_4_a_factor_offered_before_the_epoch_was_raised_can_not_be_enrolled(
    pair: Pair,
) -> None:
    registered = pair.first.register()
    thief = bearer(registered.tokens.access_token)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="mine"), metadata=thief)

    request = RevokeAllSessionsRequest(account_id=registered.account.account_id)
    pair.first.session.RevokeAllSessions(request)

    attempt = partial(confirm, pair.first, new.factor_id, new.secret, thief)
    assert refusal(attempt) == "TOKEN_INACTIVE"
    owner = bearer(pair.first.login(registered.account.username).access_token)
    attempt = partial(confirm, pair.first, new.factor_id, new.secret, owner)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"


def test_p_rev_4_a_challenge_ends_after_five_minutes(own: Service) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    own.clock.offset = timedelta(minutes=5)
    attempt = partial(complete, own, token, totp_code=owner.code(10))
    assert refusal(attempt) == "INVALID_CHALLENGE"
    assert complete(own, challenge(own, owner), totp_code=owner.code(10)).session_id


def test_p_flt_2_an_emptied_redis_knows_no_challenge_and_opens_no_session(
    own: Service, own_redis: Server
) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    with own_redis.client() as client:
        client.flushall()
    attempt = partial(complete, own, token, totp_code=owner.code())
    assert refusal(attempt) == "INVALID_CHALLENGE"
    assert complete(own, challenge(own, owner), totp_code=owner.code()).session_id


def test_p_flt_1_without_redis_a_code_is_neither_right_nor_wrong(
    own: Service, own_redis: Server
) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    own_redis.kill()
    for code in (owner.code(), owner.wrong_code()):
        attempt = partial(complete, own, token, totp_code=code)
        assert refusal(attempt) == "STORE_UNAVAILABLE"
