"""Requests for one-time codes, and phone numbers, as the contract has them."""

import pytest
from authn.v1.account_service_pb2 import CreateAccountRequest, UpdateAccountRequest
from authn.v1.auth_service_pb2 import StartPasswordResetRequest, StartVerificationRequest

from tests.service import Service
from tests.transport.calls import NO_ACCOUNT, refused, request_of, send


@pytest.mark.parametrize("number", ["+4915112345678", "+1202555", "+" + "9" * 15])
def test_a_phone_number_after_e164_is_kept_as_it_is(number: str, service: Service) -> None:
    username = f"phone{number[1:]}"
    made = service.account.CreateAccount(
        CreateAccountRequest(username=username, phone_number=number)
    ).account
    assert (made.phone_number, made.phone_number_verified) == (number, False)

    mask = {"paths": ["phone_number"]}
    cleared = service.account.UpdateAccount(
        UpdateAccountRequest(account_id=made.account_id, update_mask=mask)
    ).account
    assert cleared.phone_number == ""
    back = service.account.UpdateAccount(
        UpdateAccountRequest(account_id=made.account_id, phone_number=number, update_mask=mask)
    ).account
    assert back.phone_number == number


@pytest.mark.parametrize(
    "number",
    [
        "4915112345678",
        "+0915112345678",
        "+" + "9" * 16,
        "+123456",
        "+49 151 12345678",
        "+4915112345678\n",
        "0049",
        "+\uff14915112345678",
        "+49151123456x",
        "+",
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "CreateAccount",
        "UpdateAccount",
        "StartPasswordReset",
        "CompletePasswordReset",
        "StartVerification",
    ],
)
def test_any_other_phone_number_is_refused(name: str, number: str, service: Service) -> None:
    fields = {
        "CreateAccount": {"username": "a"},
        "UpdateAccount": {"account_id": NO_ACCOUNT, "update_mask": {"paths": ["phone_number"]}},
        "CompletePasswordReset": {"code": "x", "new_password": "y"},
        "StartVerification": {"account_id": NO_ACCOUNT},
    }.get(name, {})
    request = request_of(name, phone_number=number, **fields)
    refusal = refused(lambda: send(service.channel, name, request))
    assert (refusal.reason, refusal.fields) == ("INVALID_REQUEST", ("phone_number",))


def test_a_code_is_asked_for_with_one_address(service: Service) -> None:
    for ask, request in (
        (service.auth.StartPasswordReset, StartPasswordResetRequest()),
        (service.auth.StartVerification, StartVerificationRequest(account_id=NO_ACCOUNT)),
    ):
        refusal = refused(lambda ask=ask, request=request: ask(request))
        assert (refusal.reason, refusal.fields) == ("INVALID_REQUEST", ("address",))


def test_a_format_that_the_contract_does_not_know_is_refused(service: Service) -> None:
    request = StartPasswordResetRequest(email="a@codes.test", format=7)  # type: ignore[arg-type]
    refusal = refused(lambda: service.auth.StartPasswordReset(request))
    assert (refusal.reason, refusal.fields) == ("INVALID_REQUEST", ("format",))
