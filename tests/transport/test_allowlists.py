"""Each service has a list of methods and one of audiences, and nothing beyond (P-INT-1)."""

import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.service_account_service_pb2 import UpdateServiceAccountRequest
from authn.v1.token_service_pb2 import (
    ExplainTokenRequest,
    GetJwksRequest,
    IntrospectTokenRequest,
    TokenDefect,
    VerifyTokenRequest,
    VerifyTokensRequest,
)

from tests.callers import make_caller, service_token
from tests.service import PASSWORD, Service, bearer
from tests.transport.calls import by_key, issue_api_key, outcome, refused

INTROSPECT = "authsvc.tokens.introspect"
EXPLAIN = "authsvc.tokens.explain"


@pytest.mark.parametrize(
    ("methods", "admitted"),
    [
        (["*"], True),
        (["authn.v1.TokenService/*"], True),
        (["authn.v1.TokenService/GetJwks"], True),
        (["authn.v1.TokenService/VerifyToken", "authn.v1.TokenService/GetJwks"], True),
        ([], False),
        (["authn.v1.TokenService/VerifyToken"], False),
        (["authn.v1.AuthService/*"], False),
        (["authn.v1.TokenService/GetJwk"], False),
        (["authn.v1.TokenService/getjwks"], False),
        (["TokenService/GetJwks"], False),
    ],
)
def test_p_int_1_a_service_calls_only_what_its_list_names(
    methods: list[str], admitted: bool, service: Service
) -> None:
    caller = make_caller(service, methods=methods)
    answer = outcome(lambda: service.token.GetJwks(GetJwksRequest(), metadata=caller.metadata))
    assert answer == ("OK" if admitted else "ACCESS_DENIED")


def test_p_int_1_neither_scope_nor_a_persons_token_opens_a_method_beyond_the_list(
    production: Service,
) -> None:
    everything = by_key(issue_api_key(production)[0])
    new = RegisterRequest(username="beyond-the-list", password=PASSWORD)
    person = production.auth.Register(new, metadata=everything).tokens.access_token
    methods = ("authn.v1.TokenService/IssueServiceToken",)
    api_key, _ = issue_api_key(production, INTROSPECT, methods=methods)
    token = service_token(production, by_key(api_key), scopes=[INTROSPECT]).access_token
    request = IntrospectTokenRequest(token="x")

    for by in (by_key(api_key), by_key(api_key) + bearer(person), bearer(token)):
        answer = outcome(lambda by=by: production.token.IntrospectToken(request, metadata=by))
        assert answer == "ACCESS_DENIED"


def test_p_tok_6_a_token_for_an_audience_beyond_the_list_is_inactive_without_a_claim(
    service: Service,
) -> None:
    """Attack 13: not even what was signed is told."""
    caller = make_caller(service, INTROSPECT, EXPLAIN, audiences=["payments"])
    username = service.register().account.username
    tokens = service.login(username, audience="orders")
    access, by = tokens.access_token, caller.metadata

    for token in (access, tokens.refresh_token):
        introspected = service.token.IntrospectToken(
            IntrospectTokenRequest(token=token), metadata=by
        )
        assert (introspected.active, introspected.HasField("claims")) == (False, False)
    verify = VerifyTokenRequest(access_token=access, audience="orders")
    good = refused(lambda: service.token.VerifyToken(verify, metadata=by))
    verify.access_token = "x"
    bad = refused(lambda: service.token.VerifyToken(verify, metadata=by))
    assert good == bad
    assert good.reason == "TOKEN_INACTIVE"
    many = VerifyTokensRequest(access_tokens=[access, "x"], audience="orders")
    results = service.token.VerifyTokens(many, metadata=by).results
    assert results[0] == results[1]
    explained = service.token.ExplainToken(
        ExplainTokenRequest(access_token=access, audience="orders"), metadata=by
    )
    assert explained.defect == TokenDefect.TOKEN_DEFECT_AUDIENCE
    assert not explained.HasField("claims")


def test_the_default_audience_is_on_no_list_by_itself(service: Service) -> None:
    token = service.register().tokens.access_token
    request = VerifyTokenRequest(access_token=token)
    default = service.app.config.default_audience

    for audiences, answer in (([], "TOKEN_INACTIVE"), ([default], "OK"), (["*"], "OK")):
        by = make_caller(service, audiences=audiences).metadata
        assert outcome(lambda by=by: service.token.VerifyToken(request, metadata=by)) == answer


def test_p_int_1_nobody_logs_in_for_an_audience_beyond_the_services_list(
    service: Service,
) -> None:
    by = make_caller(service, audiences=["orders"]).metadata
    username = service.register().account.username
    new = {"username": f"{username}x", "password": PASSWORD}

    def register(audience: str) -> str:
        request = RegisterRequest(**new, audience=audience)
        return outcome(lambda: service.auth.Register(request, metadata=by))

    def login(audience: str) -> str:
        request = LoginRequest(identifier=username, password=PASSWORD, audience=audience)
        return outcome(lambda: service.auth.Login(request, metadata=by))

    refusals = [act(audience) for act in (register, login) for audience in ("", "payments", "*")]
    assert refusals == ["INVALID_AUDIENCE"] * 6
    assert [register("orders"), login("orders")] == ["OK", "OK"]


def test_p_ref_6_a_session_does_not_go_on_for_an_audience_that_left_the_list(
    service: Service,
) -> None:
    caller = make_caller(service)
    username = service.register().account.username
    request = LoginRequest(identifier=username, password=PASSWORD, audience="orders")
    tokens = service.auth.Login(request, metadata=caller.metadata).tokens
    change = UpdateServiceAccountRequest(
        name=caller.name, audiences=["payments"], update_mask={"paths": ["audiences"]}
    )
    service.service_account.UpdateServiceAccount(change)

    refresh = RefreshRequest(refresh_token=tokens.refresh_token)
    answer = outcome(lambda: service.auth.Refresh(refresh, metadata=caller.metadata))

    assert answer == "INVALID_GRANT"


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("methods", "GetJwks"),
        ("methods", "/authn.v1.TokenService/GetJwks"),
        ("methods", "authn.v1.TokenService/Get*"),
        ("methods", "**"),
        ("scopes", "a b"),
        ("scopes", ""),
        ("scopes", "*"),
        ("audiences", ""),
        ("own_audiences", ""),
        ("own_audiences", "*"),
        ("certificate_names", "*.corp.example"),
        ("certificate_names", "Billing.corp.example"),
        ("certificate_names", "spiffe://corp.example"),
        ("certificate_names", "https://corp.example/x"),
        ("certificate_names", "spiffe://corp.example/" + "x" * 2048),
    ],
)
def test_an_entry_that_could_never_fit_is_refused(field: str, entry: str, service: Service) -> None:
    refusal = refused(lambda: make_caller(service, **{field: [entry]}))
    assert refusal.reason == "INVALID_REQUEST"
    assert refusal.fields == (f"{field}[0]",)


@pytest.mark.parametrize("name", ["dev", "public"])
def test_p_tok_8_no_service_takes_the_name_of_those_that_have_no_account(
    name: str, service: Service
) -> None:
    assert refused(lambda: make_caller(service, name=name)).fields == ("name",)
