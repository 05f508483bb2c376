"""VerifyToken for calls that need a recent or a strong login (RFC 9470)."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from authn.v1.factor_service_pb2 import EnrollTotpRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from tests.promises.phone import challenge, complete, confirm, enrol
from tests.service import Service, bearer
from tests.transport.calls import by_key, issue_api_key, outcome, refusal_of, request_of, send


def verified(service: Service, token: str, **wanted: Any) -> tuple[str, dict[str, str]]:
    """The reason of a refusal, if it is one, and its metadata."""
    try:
        service.token.VerifyToken(VerifyTokenRequest(access_token=token, **wanted))
    except grpc.RpcError as error:
        info, status = ErrorInfo(), rpc_status.from_call(error)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert status is not None
        status.details[0].Unpack(info)
        return refusal_of(error).reason, dict(info.metadata)
    return "OK", {}


TOO_WEAK = "INSUFFICIENT_USER_AUTHENTICATION"
HOUR = timedelta(hours=1)
AT_ONCE = timedelta(0)


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ({}, ("OK", {})),
        ({"acr": "aal1"}, ("OK", {})),
        ({"acr": "aal2"}, (TOO_WEAK, {"acr": "aal2"})),
        ({"max_age": HOUR}, ("OK", {})),
        ({"max_age": HOUR, "acr": "aal2"}, (TOO_WEAK, {"acr": "aal2", "max_age": "3600"})),
    ],
)
def test_a_login_by_password_reaches_aal1(
    wanted: dict[str, Any], answer: object, service: Service
) -> None:
    token = service.register().tokens.access_token
    assert verified(service, token, **wanted) == answer


def test_a_login_with_a_second_factor_reaches_aal2(service: Service) -> None:
    owner = enrol(service)
    tokens = complete(service, challenge(service, owner), totp_code=owner.code())
    for wanted in ({}, {"acr": "aal1"}, {"acr": "aal2"}, {"acr": "aal2", "max_age": HOUR}):
        assert verified(service, tokens.access_token, **wanted) == ("OK", {})


def test_a_login_is_too_old_when_it_is_no_longer_new_enough(service: Service) -> None:
    token = service.register().tokens.access_token
    # The login was in some second, which has begun already.
    assert verified(service, token, max_age=AT_ONCE) == (TOO_WEAK, {"max_age": "0"})
    assert verified(service, token, max_age=timedelta(minutes=10)) == ("OK", {})


@pytest.mark.parametrize("wanted", [{"acr": "aal2"}, {"max_age": HOUR}])
def test_an_inactive_token_is_inactive_whatever_is_wanted(
    wanted: dict[str, Any], service: Service
) -> None:
    assert verified(service, "a.b.c", **wanted)[0] == "TOKEN_INACTIVE"


@pytest.mark.parametrize(
    "wanted", [{"acr": "aal3"}, {"acr": "AAL2"}, {"max_age": timedelta(seconds=-1)}]
)
def test_what_makes_no_sense_is_an_invalid_request(
    wanted: dict[str, Any], service: Service
) -> None:
    request = VerifyTokenRequest(access_token="a.b.c", **wanted)
    assert outcome(lambda: service.token.VerifyToken(request)) == "INVALID_REQUEST"


def test_p_mfa_3_a_challenge_is_for_the_client_that_it_was_given_to(production: Service) -> None:
    mine, theirs = (by_key(issue_api_key(production)[0]) for _ in range(2))
    channel = production.channel
    new = request_of("Register", username="stepping", password="violet kettle orbits 47 moons")
    tokens = send(channel, "Register", new, metadata=mine).tokens
    me = (*mine, *bearer(tokens.access_token))
    app = production.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
    confirm(production, app.factor_id, app.secret, me)
    login = request_of("Login", identifier="stepping", password="violet kettle orbits 47 moons")
    token = send(channel, "Login", login, metadata=mine).mfa_challenge.challenge_token

    answer = request_of("CompleteMfa", challenge_token=token, recovery_code="0" * 24)
    assert outcome(lambda: send(channel, "CompleteMfa", answer, metadata=theirs)) == (
        "INVALID_CHALLENGE"
    )
    assert outcome(lambda: send(channel, "CompleteMfa", answer, metadata=mine)) == "INVALID_FACTOR"
