"""Services' own tokens: who gets them, what they say, and what they open (P-TOK-2, 8; P-INT-1)."""

from datetime import timedelta

import pytest
from authn.v1.account_service_pb2 import ChangePasswordRequest, GetAccountRequest
from authn.v1.auth_service_pb2 import RefreshRequest, RegisterRequest
from authn.v1.session_service_pb2 import ListSessionsRequest
from authn.v1.token_service_pb2 import (
    GetJwksRequest,
    IntrospectTokenRequest,
    RevokeTokenRequest,
    VerifyTokenRequest,
)

from tests.callers import add_key, make_caller, service_token
from tests.service import PASSWORD, Service, bearer
from tests.transport.calls import by_key, issue_api_key, outcome, refused

INTROSPECT = "authsvc.tokens.introspect"


def test_p_tok_8_a_services_token_speaks_for_the_service_itself(service: Service) -> None:
    caller = make_caller(service, "orders.read", "orders.write")

    issued = service_token(
        service, caller.metadata, audience="orders", scopes=["orders.write", "orders.read"]
    )

    request = VerifyTokenRequest(access_token=issued.access_token, audience="orders")
    claims = service.token.VerifyToken(request).claims
    assert issued.token_type == "Bearer"
    assert issued.expire_time == claims.expire_time
    assert (claims.subject, claims.client_id) == (caller.subject, caller.name)
    assert caller.subject.startswith("svc_")
    assert list(claims.scopes) == ["orders.write", "orders.read"]
    assert (list(claims.roles), list(claims.amr), claims.acr) == ([], [], "")
    life = claims.expire_time.ToDatetime() - claims.issue_time.ToDatetime()
    assert life == service.app.config.access_token_lifetime


def test_tokens_of_one_key_share_its_session_and_differ(service: Service) -> None:
    caller = make_caller(service)
    other = by_key(add_key(service, caller.name).api_key)
    tokens = [service_token(service, by).access_token for by in (*[caller.metadata] * 2, other)]

    claims = [
        service.token.VerifyToken(VerifyTokenRequest(access_token=token)).claims for token in tokens
    ]

    assert len({one.token_id for one in claims}) == 3
    assert claims[0].session_id == claims[1].session_id != claims[2].session_id


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"scopes": ["orders.write"]}, "INVALID_SCOPE"),
        ({"scopes": ["orders.read", "*"]}, "INVALID_SCOPE"),
        ({"scopes": ["authsvc.services.write"]}, "INVALID_SCOPE"),
        ({"audience": "payments"}, "INVALID_AUDIENCE"),
        ({"audience": "order"}, "INVALID_AUDIENCE"),
        ({"audience": "*"}, "INVALID_AUDIENCE"),
        ({}, "INVALID_AUDIENCE"),
        ({"audience": "orders", "scopes": ["a b"]}, "INVALID_REQUEST"),
        ({"audience": "orders", "scopes": ["orders.read"]}, "OK"),
    ],
)
def test_p_int_1_a_service_gets_only_what_its_lists_name(
    asked: dict[str, object], refusal: str, service: Service
) -> None:
    caller = make_caller(service, "orders.read", audiences=["orders"])
    given = {"audience": "orders"} | asked if "scopes" in asked else asked
    assert outcome(lambda: service_token(service, caller.metadata, **given)) == refusal


def test_p_int_1_a_key_gives_no_more_than_its_own_scopes(service: Service) -> None:
    caller = make_caller(service, INTROSPECT, "a", key_scopes=["a", "b"])
    request = IntrospectTokenRequest(token="x")

    def ask(scope: str) -> str:
        return outcome(lambda: service_token(service, caller.metadata, scopes=[scope]))

    assert [ask("a"), ask("b"), ask(INTROSPECT)] == ["OK", "INVALID_SCOPE", "INVALID_SCOPE"]
    introspected = outcome(lambda: service.token.IntrospectToken(request, metadata=caller.metadata))
    assert introspected == "ACCESS_DENIED"


def test_p_tok_3_a_token_does_not_outlive_the_key_that_it_was_issued_for(service: Service) -> None:
    caller = make_caller(service)
    short = add_key(service, caller.name, ttl=timedelta(seconds=90))
    issued = service_token(service, by_key(short.api_key))
    assert issued.expire_time.seconds == short.key.expire_time.seconds


def test_p_int_1_nobody_gets_a_token_by_a_token_or_by_nothing(service: Service) -> None:
    caller = make_caller(service)
    token = service_token(service, caller.metadata).access_token
    person = service.register().tokens.access_token

    for metadata in ((), bearer(token), bearer(person)):
        answer = outcome(lambda by=metadata: service_token(service, by))
        assert answer == "CALLER_UNAUTHENTICATED"
    assert outcome(lambda: service_token(service, caller.metadata + bearer(token))) == "OK"


def test_p_tok_2_a_services_token_is_no_persons_and_no_refresh_token(service: Service) -> None:
    caller = make_caller(service, "authsvc.sessions.read")
    by = bearer(service_token(service, caller.metadata).access_token)
    token = by[0][1].removeprefix("Bearer ")
    change = ChangePasswordRequest(current_password=PASSWORD, new_password=PASSWORD + "!")

    calls = {
        "change": lambda: service.account.ChangePassword(change, metadata=by),
        "account": lambda: service.account.GetAccount(GetAccountRequest(), metadata=by),
        "sessions": lambda: service.session.ListSessions(ListSessionsRequest(), metadata=by),
        "refresh": lambda: service.auth.Refresh(RefreshRequest(refresh_token=token)),
    }

    assert {name: outcome(call) for name, call in calls.items()} == {
        "change": "TOKEN_REQUIRED",
        "account": "TOKEN_REQUIRED",
        "sessions": "TOKEN_REQUIRED",
        "refresh": "INVALID_GRANT",
    }


def test_p_int_1_a_services_token_makes_it_a_caller_with_the_tokens_scopes(
    production: Service,
) -> None:
    api_key, _ = issue_api_key(production, INTROSPECT, "authsvc.keys.read")
    with_scope, without = (
        bearer(service_token(production, by_key(api_key), scopes=scopes).access_token)
        for scopes in ([INTROSPECT], [])
    )

    def introspect(by: tuple[tuple[str, str], ...]) -> str:
        request = IntrospectTokenRequest(token="x")
        return outcome(lambda: production.token.IntrospectToken(request, metadata=by))

    assert introspect(with_scope) == "OK"
    assert introspect(without) == "ACCESS_DENIED"
    assert outcome(lambda: production.token.GetJwks(GetJwksRequest(), metadata=without)) == "OK"


def test_p_int_1_of_two_credentials_of_a_service_both_must_allow(production: Service) -> None:
    api_key, _ = issue_api_key(production, INTROSPECT)
    token = service_token(production, by_key(api_key)).access_token
    request = IntrospectTokenRequest(token="x")

    both = by_key(api_key) + bearer(token)
    answer = outcome(lambda: production.token.IntrospectToken(request, metadata=both))

    assert answer == "ACCESS_DENIED"


def test_p_int_1_credentials_of_two_services_at_once_are_refused(production: Service) -> None:
    mine, theirs = (issue_api_key(production)[0] for _ in range(2))
    token = service_token(production, by_key(theirs)).access_token

    answer = outcome(
        lambda: production.token.GetJwks(GetJwksRequest(), metadata=by_key(mine) + bearer(token))
    )

    assert answer == "CALLER_UNAUTHENTICATED"


def test_p_int_1_a_token_for_another_audience_makes_no_caller(production: Service) -> None:
    api_key, _ = issue_api_key(production)
    token = service_token(production, by_key(api_key), audience="orders").access_token

    def call(by: tuple[tuple[str, str], ...]) -> str:
        return outcome(lambda: production.token.GetJwks(GetJwksRequest(), metadata=by))

    assert call(bearer(token)) == "CALLER_UNAUTHENTICATED"
    assert call(by_key(api_key) + bearer(token)) == "TOKEN_INACTIVE"


def test_p_tok_6_who_is_no_caller_learns_nothing_of_a_persons_token(production: Service) -> None:
    by = by_key(issue_api_key(production)[0])
    new = RegisterRequest(username="p-tok-6-caller", password=PASSWORD)
    person = production.auth.Register(new, metadata=by).tokens.access_token

    def call(token: str) -> str:
        metadata = bearer(token)
        return outcome(lambda: production.token.GetJwks(GetJwksRequest(), metadata=metadata))

    assert {call(person), call(person[:-4] + "AAAA"), call("x")} == {"CALLER_UNAUTHENTICATED"}


def test_p_rev_8_a_service_may_end_its_own_token_and_no_other(production: Service) -> None:
    mine, theirs = (by_key(issue_api_key(production)[0]) for _ in range(2))
    token = service_token(production, mine).access_token

    def is_active() -> bool:
        request = VerifyTokenRequest(access_token=token)
        return outcome(lambda: production.token.VerifyToken(request, metadata=mine)) == "OK"

    production.token.RevokeToken(RevokeTokenRequest(token=token), metadata=theirs)
    assert is_active()
    production.token.RevokeToken(RevokeTokenRequest(token=token), metadata=mine)
    assert not is_active()


def test_a_refused_token_leaves_no_key_behind(service: Service) -> None:
    refusal = refused(lambda: service_token(service, by_key("ask_" + "A" * 38)))
    assert (refusal.reason, refusal.fields) == ("CALLER_UNAUTHENTICATED", ())
