"""Who asks the same again is answered anew: what is remembered of a request is what it says."""

import time
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.key_service_pb2 import ListKeysRequest, RevokeKeyRequest, RotateKeyRequest
from authn.v1.service_account_service_pb2 import UpdateServiceAccountRequest
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest, VerifyTokenResponse
from google.protobuf.field_mask_pb2 import FieldMask

from tests.callers import make_caller
from tests.service import Service, running
from tests.stores.hot.servers import Server
from tests.transport.calls import outcome

_PATH = "/authn.v1.TokenService/VerifyToken"


def asked_twice(service: Service, token: str, **fields: object) -> VerifyTokenRequest:
    """A request of which the service knows the words, since it has answered it."""
    request = VerifyTokenRequest(access_token=token, **fields)  # type: ignore[arg-type]
    first, second = (service.token.VerifyToken(request) for _ in range(2))
    assert first == second
    return request


def test_p_rev_1_a_repeated_request_is_refused_once_the_session_is_revoked(
    service: Service,
) -> None:
    tokens = service.register().tokens
    request = asked_twice(service, tokens.access_token)

    service.session.RevokeSession(RevokeSessionRequest(session_id=tokens.session_id))

    assert outcome(lambda: service.token.VerifyToken(request)) == "TOKEN_INACTIVE"


def test_p_tok_7_a_repeated_request_is_refused_once_the_token_has_expired(service: Service) -> None:
    request = asked_twice(service, service.register().tokens.access_token)
    config = service.app.config
    service.clock.offset = config.access_token_lifetime + config.clock_leeway
    try:
        assert outcome(lambda: service.token.VerifyToken(request)) == "TOKEN_INACTIVE"
    finally:
        service.clock.offset = None


def test_a_repeated_request_is_refused_once_the_authentication_is_too_old(service: Service) -> None:
    token = service.register().tokens.access_token
    request = asked_twice(service, token, max_age=timedelta(minutes=1))
    service.clock.offset = timedelta(minutes=2)
    try:
        refusal = outcome(lambda: service.token.VerifyToken(request))
        assert refusal == "INSUFFICIENT_USER_AUTHENTICATION"
    finally:
        service.clock.offset = None


def test_p_tok_7_requests_that_differ_in_one_field_are_judged_each(service: Service) -> None:
    token = service.register(scopes=["orders.read"]).tokens.access_token
    asked_twice(service, token)

    for fields, answer in (
        ({"audience": "else"}, "TOKEN_INACTIVE"),
        ({"required_scopes": ["orders.write"]}, "INSUFFICIENT_SCOPE"),
        ({"required_scopes": ["orders.read"]}, "OK"),
        ({"min_revision": 2**40}, "REVISION_NOT_REACHED"),
        ({"acr": "aal2"}, "INSUFFICIENT_USER_AUTHENTICATION"),
        ({"acr": "nothing known"}, "INVALID_REQUEST"),
    ):
        request = VerifyTokenRequest(access_token=token, **fields)  # type: ignore[arg-type]
        for _ in range(2):
            assert outcome(lambda r=request: service.token.VerifyToken(r)) == answer  # type: ignore[misc]


def test_p_int_1_a_repeated_request_is_refused_to_a_service_without_the_audience(
    service: Service,
) -> None:
    request = asked_twice(service, service.register().tokens.access_token)
    stranger = make_caller(service, audiences=["orders"])

    call = lambda: service.token.VerifyToken(request, metadata=stranger.metadata)  # noqa: E731

    assert outcome(call) == "TOKEN_INACTIVE"


def test_p_int_1_a_service_that_loses_an_audience_loses_its_repeated_requests(
    service: Service,
) -> None:
    caller = make_caller(service)
    request = VerifyTokenRequest(access_token=service.register().tokens.access_token)
    ask = lambda: service.token.VerifyToken(request, metadata=caller.metadata)  # noqa: E731
    assert [outcome(ask), outcome(ask)] == ["OK", "OK"]

    service.service_account.UpdateServiceAccount(
        UpdateServiceAccountRequest(
            name=caller.name, audiences=["orders"], update_mask=FieldMask(paths=["audiences"])
        )
    )

    assert outcome(ask) == "TOKEN_INACTIVE"


def test_p_key_3_a_repeated_request_is_refused_once_the_key_is_revoked(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        request = asked_twice(service, service.register().tokens.access_token)
        [key] = service.key.ListKeys(ListKeysRequest()).keys
        service.key.RotateKey(RotateKeyRequest())

        service.key.RevokeKey(RevokeKeyRequest(key_id=key.key_id))

        assert outcome(lambda: service.token.VerifyToken(request)) == "TOKEN_INACTIVE"


def test_p_flt_1_a_repeated_request_finds_no_answer_without_lease_and_redis(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        request = asked_twice(service, service.register().tokens.access_token)
        redis.kill()
        time.sleep(service.app.config.read_lease.total_seconds() + 0.1)

        call = lambda: service.token.VerifyToken(request, timeout=5)  # noqa: E731

        assert {outcome(call) for _ in range(3)} == {"STORE_UNAVAILABLE"}


@pytest.mark.parametrize("data", [b"\x0a\x05abc", b"\xff", b"\x0a\x02\xff\xfe"])
def test_a_request_that_does_not_parse_is_refused_each_time(service: Service, data: bytes) -> None:
    call = service.channel.unary_unary(
        _PATH,
        request_serializer=bytes,
        response_deserializer=VerifyTokenResponse.FromString,
    )
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as caught:
            call(data)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
