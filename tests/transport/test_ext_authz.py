"""What Envoy is told of a request by `envoy.service.auth.v3.Authorization/Check`."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import RevokeTokenRequest

from authsvc.transport.ext_authz.identity import IDENTITY_HEADERS, allowance
from authsvc.transport.ext_authz.messages import CheckRequest
from authsvc.verify.claims import Claims
from tests.callers import make_caller
from tests.ext_authz import CHECK, Verdict, check, check_request
from tests.porch.processes import eventually
from tests.promises.asking import metrics
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server
from tests.transport.calls import by_key, issue_api_key, outcome, refused
from tests.transport.test_verify import dead_tokens, later

CHALLENGE = "www-authenticate"
INACTIVE = 'Bearer error="invalid_token"'
AMBIGUOUS = (400, {CHALLENGE: 'Bearer error="invalid_request"'})
NONE = (401, {CHALLENGE: 'Bearer realm="authsvc"'})


@pytest.fixture(name="tokens")
def _tokens(service: Service) -> TokenSet:
    username = service.register().account.username
    return service.login(username, scopes=["orders.read", "orders.write"])


def ask(service: Service, headers: Mapping[str, str], *, path: str = "/", **route: str) -> Verdict:
    request = check_request(headers, path=path, extensions=route)
    return check(service.channel, request)


def ask_with(service: Service, token: str, **route: str) -> Verdict:
    return ask(service, {"authorization": f"Bearer {token}"}, **route)


def told(verdict: Verdict) -> tuple[int, Mapping[str, str]]:
    return verdict.status, verdict.headers


def test_an_active_token_lets_through_and_says_who_calls(
    service: Service, tokens: TokenSet
) -> None:
    verdict = ask_with(service, tokens.access_token)

    assert verdict.status == 200
    subject = verdict.headers["x-auth-subject"]
    assert subject.startswith("acc_")
    assert verdict.headers == {
        "x-auth-subject": subject,
        "x-auth-session": tokens.session_id,
        "x-auth-client": "dev",
        "x-auth-audience": "authsvc",
        "x-auth-scopes": "orders.read orders.write",
        "x-auth-acr": "aal1",
    }


def test_every_identity_header_is_overwritten_or_removed_and_the_token_withheld(
    service: Service, tokens: TokenSet
) -> None:
    verdict = ask_with(service, tokens.access_token)
    assert verdict.removed == IDENTITY_HEADERS - verdict.headers.keys() | {"authorization"}


def test_a_route_may_have_the_token_forwarded(service: Service, tokens: TokenSet) -> None:
    kept = ask_with(service, tokens.access_token, forward_authorization="true")
    withheld = ask_with(service, tokens.access_token, forward_authorization="false")
    assert "authorization" not in kept.removed
    assert withheld.removed == kept.removed | {"authorization"}


@pytest.mark.parametrize("name", ["x_auth_subject", "x-auth_subject", "X_Auth-Subject"])
def test_what_some_servers_take_for_an_identity_header_is_removed(
    name: str, service: Service, tokens: TokenSet
) -> None:
    headers = {"authorization": f"Bearer {tokens.access_token}", name: "acc_0", "x_other": "1"}
    usual = ask_with(service, tokens.access_token)
    assert ask(service, headers).removed == usual.removed | {name}


@pytest.mark.parametrize(
    ("hostile", "text"),
    [
        ("a\r\nx-auth-roles: admin", "a%0D%0Ax-auth-roles:%20admin"),
        ("a\0b", "a%00b"),
        ("100%", "100%25"),
        ("é", "%C3%A9"),
    ],
)
def test_no_claim_can_end_a_header_or_begin_another_item(hostile: str, text: str) -> None:
    claims = Claims(
        *("iss", "acc_1", "sid", "jti", hostile, "aud", (), (hostile, "b")),
        *(0, 0, 0, (), "", 0, ""),
    )
    answer = allowance(claims, forward_authorization=False)
    headers = {option.header.key: option.header.value for option in answer.ok_response.headers}
    assert headers["x-auth-client"] == text
    assert headers["x-auth-roles"] == f"{text} b"


def test_p_tok_6_every_inactive_token_is_denied_in_the_same_bytes(service: Service) -> None:
    dead = dead_tokens(service)
    seen = {ask_with(service, token).raw for token in dead.values()}
    expired = service.register().tokens.access_token
    lifetime = service.app.config.access_token_lifetime + service.app.config.clock_leeway
    with later(service, lifetime + timedelta(seconds=1)):
        verdict = ask_with(service, expired)
    assert told(verdict) == (401, {CHALLENGE: INACTIVE})
    assert seen == {verdict.raw}


def test_p_rev_1_a_revoked_token_is_refused_at_the_next_request(
    service: Service, tokens: TokenSet
) -> None:
    assert ask_with(service, tokens.access_token).status == 200
    service.token.RevokeToken(RevokeTokenRequest(token=tokens.access_token))
    assert ask_with(service, tokens.access_token).status == 401


@pytest.mark.parametrize("value", [None, "", "Basic YTpi", "Digest a, b", "Bearer", "Token x"])
def test_a_request_without_a_token_is_challenged_without_an_error(
    value: str | None, service: Service
) -> None:
    verdict = ask(service, {} if value is None else {"authorization": value})
    expected = (401, {CHALLENGE: INACTIVE}) if value == "Bearer" else NONE
    assert told(verdict) == expected


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(
    scheme: str, service: Service, tokens: TokenSet
) -> None:
    assert ask(service, {"authorization": f"{scheme} {tokens.access_token}"}).status == 200


def test_two_credentials_are_refused(service: Service, tokens: TokenSet) -> None:
    good = f"Bearer {tokens.access_token}"
    for headers, path in (
        ({"authorization": f"{good},{good}"}, "/"),
        ({"authorization": f"{good}, Bearer x"}, "/"),
        ({"authorization": f"{good},Basic YTpi"}, "/"),
        ({"authorization": good}, "/a?access_token=x"),
        ({"authorization": good}, "/a?b=c&%61ccess_token=x"),
        ({"authorization": good}, "/a?b=c;access_token"),
    ):
        assert told(ask(service, headers, path=path)) == AMBIGUOUS
    assert (
        ask(service, {"authorization": good}, path="/access_token?token=access_token").status == 200
    )


def test_a_token_in_a_query_alone_is_no_token(service: Service, tokens: TokenSet) -> None:
    assert told(ask(service, {}, path=f"/?access_token={tokens.access_token}")) == NONE


def test_raw_headers_are_read_likewise(service: Service, tokens: TokenSet) -> None:
    def ask_raw(*headers: tuple[str, bytes]) -> Verdict:
        entries = [{"key": key, "raw_value": value} for key, value in headers]
        http = {"header_map": {"headers": entries}}
        request = CheckRequest(attributes={"request": {"http": http}})
        return check(service.channel, request)

    good = ("authorization", f"Bearer {tokens.access_token}".encode())
    assert "x_auth_acr" in ask_raw(good, ("x_auth_acr", b"aal2")).removed
    assert told(ask_raw(good, good)) == AMBIGUOUS
    assert told(ask_raw(good, ("Authorization", b"\xff"))) == AMBIGUOUS
    assert told(ask_raw()) == NONE


def test_a_missing_scope_is_told_with_all_that_the_route_asks_for(
    service: Service, tokens: TokenSet
) -> None:
    good = ask_with(service, tokens.access_token, required_scopes="orders.write orders.read")
    bad = ask_with(service, tokens.access_token, required_scopes="orders.read stock.read")
    assert good.status == 200
    challenge = 'Bearer error="insufficient_scope", scope="orders.read stock.read"'
    assert told(bad) == (403, {CHALLENGE: challenge})


def test_a_route_may_ask_for_a_recent_and_strong_login(service: Service, tokens: TokenSet) -> None:
    assert ask_with(service, tokens.access_token, acr="aal1", max_age="60").status == 200
    verdict = ask_with(service, tokens.access_token, acr="aal2", max_age="60")
    error = 'Bearer error="insufficient_user_authentication"'
    assert told(verdict) == (401, {CHALLENGE: f'{error}, acr_values="aal2", max_age="60"'})
    with later(service, timedelta(seconds=61)):
        verdict = ask_with(service, tokens.access_token, max_age="60")
    assert told(verdict) == (401, {CHALLENGE: f'{error}, max_age="60"'})


def test_a_route_is_for_one_audience(service: Service) -> None:
    username = service.register().account.username
    token = service.login(username, audience="orders").access_token
    assert ask_with(service, token).status == 401
    assert ask_with(service, token, audience="stock").status == 401
    assert ask_with(service, token, audience="orders").headers["x-auth-audience"] == "orders"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("required_scope", "a"),
        ("required_scopes", ""),
        ("required_scopes", "a  b"),
        ("required_scopes", 'a"b'),
        ("audience", ""),
        ("audience", "a\r\n"),
        ("max_age", "1m"),
        ("max_age", "-1"),
        ("max_age", "٣"),
        ("acr", "aal3"),
        ("acr", ""),
        ("forward_authorization", "yes"),
    ],
)
def test_a_route_that_is_not_understood_lets_nothing_through(
    name: str, value: str, service: Service, tokens: TokenSet
) -> None:
    refusal = refused(lambda: ask_with(service, tokens.access_token, **{name: value}))
    assert refusal.reason == "INVALID_REQUEST"
    assert refusal.fields == (f'attributes.context_extensions["{name}"]',)


def test_bytes_that_are_no_request_are_an_error_of_the_proxy(service: Service) -> None:
    call = service.channel.unary_unary(CHECK, None, None)
    refusal = refused(lambda: call(b"\xff", timeout=20))
    assert refusal.reason == "INVALID_REQUEST"
    assert told(check(service.channel, CheckRequest())) == NONE


def test_p_flt_1_an_outage_is_a_denial_that_passes(
    redis: Server, tmp_path: Path, transport: str
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as own:
        token = own.register().tokens.access_token
        assert ask_with(own, token).status == 200
        redis.kill()
        assert eventually(lambda: ask_with(own, token).status != 200)
        good, bad = ask_with(own, token), ask_with(own, "x")
    assert told(good) == (503, {"retry-after": "1"})
    assert bad.status == 401  # what is no token at all needs no store to be refused


def production_outcome(service: Service, metadata: Any) -> str:
    return outcome(lambda: check(service.channel, check_request({}), metadata))


def test_p_int_1_the_proxy_must_be_a_calling_service_that_may_ask(production: Service) -> None:
    def key(*methods: str) -> Any:
        return by_key(issue_api_key(production, methods=methods)[0])

    assert production_outcome(production, ()) == "CALLER_UNAUTHENTICATED"
    assert production_outcome(production, by_key("ask_x")) == "CALLER_UNAUTHENTICATED"
    assert production_outcome(production, key("authn.v1.TokenService/*")) == "ACCESS_DENIED"
    for methods in ("*", "envoy.service.auth.v3.Authorization/*", CHECK[1:]):
        assert production_outcome(production, key(methods)) == "OK"


def test_p_int_1_the_token_of_the_request_is_no_credential_of_the_proxy(
    production: Service,
) -> None:
    everything = by_key(issue_api_key(production)[0])
    new = RegisterRequest(username="asks-for-herself", password=PASSWORD)
    person = production.auth.Register(new, metadata=everything).tokens.access_token
    assert production_outcome(production, bearer(person)) == "CALLER_UNAUTHENTICATED"


def test_anybody_may_ask_where_no_caller_is_required(open_service: Service) -> None:
    assert production_outcome(open_service, ()) == "OK"


def test_a_service_account_may_be_made_for_the_proxy(service: Service, tokens: TokenSet) -> None:
    """P-TOK-6: an audience beyond its list is inactive to it."""
    request = check_request({"authorization": f"Bearer {tokens.access_token}"})
    for audiences, status in ((["authsvc"], 200), (["orders"], 401)):
        caller = make_caller(service, methods=[CHECK[1:]], audiences=audiences)
        assert check(service.channel, request, caller.metadata).status == status


def test_denials_are_counted_as_what_they_are(service: Service) -> None:
    def count(code: str) -> float:
        start = f'authsvc_rpcs_total{{code="{code}",method="Check"}} '
        lines = metrics(service).splitlines()
        return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))

    before = count("UNAUTHENTICATED"), count("OK")
    ask_with(service, "x")
    assert (count("UNAUTHENTICATED"), count("OK")) == (before[0] + 1, before[1])


def test_what_is_no_certificate_is_an_error_of_the_proxy(
    service: Service, tokens: TokenSet
) -> None:
    request = check_request({"authorization": f"Bearer {tokens.access_token}"})
    request.attributes.source.certificate = "no%20certificate"
    refusal = refused(lambda: check(service.channel, request))
    assert (refusal.reason, refusal.fields) == (
        "INVALID_REQUEST",
        ("attributes.source.certificate",),
    )
