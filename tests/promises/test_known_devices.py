"""Whoever guesses elsewhere does not lock the owner out (P-THR-2)."""

from datetime import timedelta

import pytest
from authn.v1.account_service_pb2 import ChangePasswordRequest, DeleteAccountRequest
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest

from tests.promises.guessing import (
    DEVICE,
    FREE,
    THROTTLED,
    WRONG,
    exhaust,
    logs_in,
    pass_time,
    told,
)
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server

DAY = timedelta(days=1)
STRANGE = "a-device-of-somebody-else"


def test_p_thr_2_the_owners_device_is_let_in_while_others_have_to_wait(own: Service) -> None:
    account = own.register(email="owner@devices.test").account
    own.verify_email(account)
    assert logs_in(own, account.username, device_id=DEVICE)
    for names in (account.username, account.email):
        exhaust(own, names, device_id=STRANGE)

    assert logs_in(own, account.username, device_id=DEVICE)
    assert logs_in(own, account.email, device_id=DEVICE)
    assert not logs_in(own, account.username, device_id=STRANGE)
    assert not logs_in(own, account.username)


def test_p_thr_1_a_known_device_gets_no_more_guesses_than_any_and_gives_others_none(
    own: Service,
) -> None:
    username = own.register().account.username
    assert logs_in(own, username, device_id=DEVICE)
    exhaust(own, username, device_id=DEVICE)
    assert not logs_in(own, username, device_id=DEVICE)
    assert told(own, username) == WRONG  # elsewhere nothing was guessed yet
    exhaust_rest = [told(own, username) for _ in range(FREE)]
    assert exhaust_rest == [WRONG] * (FREE - 1) + [THROTTLED]

    pass_time(own, timedelta(minutes=1))
    assert logs_in(own, username, device_id=DEVICE)
    assert told(own, username) == WRONG  # the one after the wait: the device ended its own row only
    assert told(own, username) == THROTTLED


def test_a_device_of_one_account_is_a_stranger_to_another(own: Service) -> None:
    one, two = own.register().account.username, own.register().account.username
    assert logs_in(own, one, device_id=DEVICE)
    exhaust(own, two)
    assert not logs_in(own, two, device_id=DEVICE)


def test_registering_makes_the_device_known(own: Service) -> None:
    client = {"device_id": DEVICE}
    own.auth.Register(RegisterRequest(username="newcomer", password=PASSWORD, client=client))
    exhaust(own, "newcomer")
    assert logs_in(own, "newcomer", device_id=DEVICE)


@pytest.mark.parametrize("device_id", ["", "iphone", "x" * 21])
def test_p_thr_1_a_device_id_that_could_be_guessed_makes_nothing_known(
    device_id: str, own: Service
) -> None:
    username = own.register().account.username
    assert logs_in(own, username, device_id=device_id)
    exhaust(own, username)
    assert not logs_in(own, username, device_id=device_id)


def test_p_thr_1_a_device_is_known_by_a_right_password_alone(own: Service) -> None:
    username = own.register().account.username
    assert told(own, username, device_id=DEVICE) == WRONG
    assert {told(own, username) for _ in range(FREE - 1)} == {WRONG}
    assert told(own, username, device_id=DEVICE) == THROTTLED


def test_p_thr_1_ten_devices_are_known_and_the_oldest_is_forgotten(own: Service) -> None:
    username = own.register().account.username
    for number in range(11):
        assert logs_in(own, username, device_id=f"{DEVICE}-{number}")
        pass_time(own, timedelta(seconds=1))
    exhaust(own, username)
    assert not logs_in(own, username, device_id=f"{DEVICE}-0")
    assert logs_in(own, username, device_id=f"{DEVICE}-1")
    assert logs_in(own, username, device_id=f"{DEVICE}-10")


@pytest.mark.parametrize("act", ["change of password", "logout everywhere", "deletion"])
def test_p_rev_4_what_ends_all_sessions_forgets_the_devices(act: str, own: Service) -> None:
    registered = own.register(username="forgetful")
    me, password = bearer(registered.tokens.access_token), PASSWORD
    assert logs_in(own, "forgetful", device_id=DEVICE)
    if act == "change of password":
        password = "new " + PASSWORD
        change = ChangePasswordRequest(current_password=PASSWORD, new_password=password)
        own.account.ChangePassword(change, metadata=me)
    elif act == "logout everywhere":
        own.session.RevokeAllSessions(RevokeAllSessionsRequest(), metadata=me)
    else:
        request = DeleteAccountRequest(account_id=registered.account.account_id)
        own.account.DeleteAccount(request)
        own.register(username="forgetful")

    exhaust(own, "forgetful")
    assert told(own, "forgetful", password, device_id=DEVICE) == THROTTLED
    pass_time(own, timedelta(minutes=1))
    assert told(own, "forgetful", password, device_id=DEVICE) == "OK"


def test_p_thr_2_a_flood_of_failures_holds_up_strangers_and_not_known_devices(
    own_redis: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("flood")
    with running(data=data, redis_url=own_redis.url, login_failure_limit=12) as service:
        username = service.register().account.username
        assert logs_in(service, username, device_id=DEVICE)
        answers = [
            told(service, f"nobody-{number}", ip_address=f"198.51.100.{number}")
            for number in range(14)
        ]
        assert answers == [WRONG] * 12 + [THROTTLED] * 2
        assert not logs_in(service, username, ip_address="203.0.113.1")
        assert logs_in(service, username, ip_address="203.0.113.1", device_id=DEVICE)
