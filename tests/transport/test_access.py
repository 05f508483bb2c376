"""Who may call what: each method's option, and each kind of caller against each method."""

from datetime import timedelta

import pytest
from authn.v1.access_pb2 import AccessLevel
from authn.v1.account_service_pb2 import CreateAccountRequest, GetAccountRequest
from authn.v1.session_service_pb2 import (
    GetSessionRequest,
    ListSessionsRequest,
    RevokeAllSessionsRequest,
    RevokeSessionRequest,
)
from authn.v1.token_service_pb2 import (
    IntrospectTokenRequest,
    RevokeTokenRequest,
    VerifyTokenRequest,
)

from authsvc.domain.api_keys import new_api_key
from authsvc.domain.service_accounts import ServiceAccountState
from authsvc.transport.access import access_rules
from authsvc.transport.server import SERVICES
from tests.service import PASSWORD, Service, bearer
from tests.transport.calls import (
    METHODS,
    NO_ACCOUNT,
    NO_API_KEY,
    NO_FACTOR,
    NO_KEY,
    NO_SERVICE,
    NO_SESSION,
    by_key,
    issue_api_key,
    outcome,
    refused,
    request_of,
    revoke_api_key,
    rule,
    send,
)

PUBLIC = {
    *("Register", "Login", "Refresh", "Logout"),
    *("CompleteMfa", "StartPasskeyLogin", "FinishPasskeyLogin"),
    *("CompletePasswordReset", "CompleteVerification"),
    *("VerifyToken", "VerifyTokens", "RevokeToken", "GetJwks", "WatchKeys", "GetPasswordPolicy"),
    "IssueServiceToken",
}
SENT = {
    "Register": {"username": "a", "password": "short"},
    "Login": {"identifier": "nobody", "password": "x"},
    "CompleteMfa": {"challenge_token": "x", "totp_code": "000000"},
    "FinishPasskeyLogin": {"challenge_token": "x", "passkey_assertion": "{}"},
    "StartPasswordReset": {"email": "nobody@access.test", "format": "CODE_FORMAT_LINK"},
    "CompletePasswordReset": {"code": "x", "new_password": "y"},
    "StartVerification": {"account_id": NO_ACCOUNT, "email": "nobody@access.test"},
    "CompleteVerification": {"account_id": NO_ACCOUNT, "code": "x"},
    "VerifyTokens": {"access_tokens": ["x"]},
    "GetAccount": {"account_id": NO_ACCOUNT},
    "CreateAccount": {"username": "a", "password": "short"},
    "UpdateAccount": {"account_id": NO_ACCOUNT, "update_mask": {"paths": ["roles"]}},
    "ExportAccount": {"account_id": NO_ACCOUNT},
    "ChangePassword": {"current_password": "x", "new_password": "y"},
    "DisableAccount": {"account_id": NO_ACCOUNT},
    "EnableAccount": {"account_id": NO_ACCOUNT},
    "DeleteAccount": {"account_id": NO_ACCOUNT},
    "ListSessions": {"account_id": NO_ACCOUNT},
    "GetSession": {"session_id": NO_SESSION},
    "RevokeSession": {"session_id": NO_SESSION},
    "RevokeAllSessions": {"account_id": NO_ACCOUNT},
    "RevokeKey": {"key_id": NO_KEY},
    "ListFactors": {"account_id": NO_ACCOUNT},
    "EnrollTotp": {"display_name": "x"},
    "ConfirmTotp": {"factor_id": NO_FACTOR, "totp_code": "000000"},
    "StartPasskeyEnrollment": {"display_name": "x"},
    "FinishPasskeyEnrollment": {"challenge_token": "x", "credential": "{}"},
    "DeleteFactor": {"factor_id": NO_FACTOR},
    "ResetFactors": {"account_id": NO_ACCOUNT},
    "CreateServiceAccount": {"name": "dev"},
    "GetServiceAccount": {"name": NO_SERVICE},
    "UpdateServiceAccount": {"name": NO_SERVICE, "update_mask": {"paths": ["scopes"]}},
    "DisableServiceAccount": {"name": NO_SERVICE},
    "EnableServiceAccount": {"name": NO_SERVICE},
    "DeleteServiceAccount": {"name": NO_SERVICE},
    "CreateApiKey": {"service_account": NO_SERVICE, "ttl": {"seconds": 1}},
    "ListApiKeys": {"service_account": NO_SERVICE},
    "RevokeApiKey": {"key_id": NO_API_KEY},
}
"""A request that gets as far as the servicer, of each method that does not take an empty one."""

ADMITTED = {
    "Register": "PASSWORD_REJECTED",
    "Login": "INVALID_CREDENTIALS",
    "CompleteMfa": "INVALID_CHALLENGE",
    "FinishPasskeyLogin": "INVALID_CHALLENGE",
    "Refresh": "INVALID_GRANT",
    "CompletePasswordReset": "INVALID_CODE",
    "CompleteVerification": "INVALID_CODE",
    "VerifyToken": "TOKEN_INACTIVE",
    "ExchangeToken": "TOKEN_INACTIVE",
    "GetAccount": "ACCOUNT_NOT_FOUND",
    "CreateAccount": "PASSWORD_REJECTED",
    "UpdateAccount": "ACCOUNT_NOT_FOUND",
    "DisableAccount": "ACCOUNT_NOT_FOUND",
    "EnableAccount": "ACCOUNT_NOT_FOUND",
    "DeleteAccount": "ACCOUNT_NOT_FOUND",
    "ExportAccount": "ACCOUNT_NOT_FOUND",
    "GetSession": "SESSION_NOT_FOUND",
    "RevokeAllSessions": "ACCOUNT_NOT_FOUND",
    "RevokeKey": "KEY_NOT_FOUND",
    "ResetFactors": "ACCOUNT_NOT_FOUND",
    "CreateServiceAccount": "INVALID_REQUEST",
    "GetServiceAccount": "SERVICE_ACCOUNT_NOT_FOUND",
    "UpdateServiceAccount": "SERVICE_ACCOUNT_NOT_FOUND",
    "DisableServiceAccount": "SERVICE_ACCOUNT_NOT_FOUND",
    "EnableServiceAccount": "SERVICE_ACCOUNT_NOT_FOUND",
    "DeleteServiceAccount": "SERVICE_ACCOUNT_NOT_FOUND",
    "CreateApiKey": "SERVICE_ACCOUNT_NOT_FOUND",
    "ListApiKeys": "SERVICE_ACCOUNT_NOT_FOUND",
    "RevokeApiKey": "API_KEY_NOT_FOUND",
}
"""What the servicer then says, unless OK."""

OWN = {
    "ChangePassword": "PASSWORD_REJECTED",
    "EnrollTotp": "OK",
    "ConfirmTotp": "FACTOR_NOT_FOUND",
    "StartPasskeyEnrollment": "OK",
    "FinishPasskeyEnrollment": "INVALID_CHALLENGE",
    "RegenerateRecoveryCodes": "FACTOR_NOT_FOUND",
    "DeleteFactor": "FACTOR_NOT_FOUND",
}
"""What an account is told that calls for itself, where nobody may call for another."""

WITHOUT_SERVICE = ADMITTED | {"IssueServiceToken": "CALLER_UNAUTHENTICATED"}
"""What it says of a call that no service makes."""

each_method = pytest.mark.parametrize("name", sorted(METHODS))


def call(service: Service, name: str, metadata: tuple[tuple[str, str], ...] = ()) -> str:
    request = request_of(name, **SENT.get(name, {}))
    return outcome(lambda: send(service.channel, name, request, metadata=metadata))


def admin_token(service: Service, *scopes: str) -> str:
    """An account's access token with reserved scopes."""
    api_key, _ = issue_api_key(service, "authsvc.accounts.write")
    username = f"admin-{api_key[4:12].strip('_-')}x"
    new = CreateAccountRequest(username=username, password=PASSWORD, roles=["authsvc.admin"])
    service.account.CreateAccount(new, metadata=by_key(api_key))
    return service.login(username, scopes=scopes).access_token


def test_every_method_has_a_rule_and_the_public_ones_are_these() -> None:
    rules = access_rules(SERVICES)

    assert len(rules) == len(METHODS)
    public = {n for n, m in METHODS.items() if rule(m).level == AccessLevel.ACCESS_LEVEL_PUBLIC}
    assert public == PUBLIC
    assert all(not rule(METHODS[name]).scope for name in PUBLIC)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("GetSession", "TOKEN_REQUIRED"),
        ("DisableAccount", "ACCESS_DENIED"),
        ("RevokeKey", "ACCESS_DENIED"),
    ],
)
def test_p_int_1_who_may_not_call_learns_nothing_of_what_is_wrong_with_the_request(
    name: str, refusal: str, production: Service
) -> None:
    """The caller is judged before the request (AIP-211)."""
    api_key, _ = issue_api_key(production)
    invalid = request_of(name)

    def ask() -> object:
        return send(production.channel, name, invalid, metadata=by_key(api_key))

    assert outcome(ask) == refusal


@each_method
def test_p_int_1_nobody_calls_without_a_key_where_a_caller_is_required(
    name: str, production: Service
) -> None:
    assert call(production, name) == "CALLER_UNAUTHENTICATED"


@each_method
def test_a_key_without_scopes_opens_public_methods_only(name: str, production: Service) -> None:
    api_key, _ = issue_api_key(production)
    level = rule(METHODS[name]).level
    expected = {
        AccessLevel.ACCESS_LEVEL_PUBLIC: ADMITTED.get(name, "OK"),
        AccessLevel.ACCESS_LEVEL_ACCOUNT: "TOKEN_REQUIRED",
    }
    assert call(production, name, by_key(api_key)) == expected.get(level, "ACCESS_DENIED")


@each_method
def test_a_key_with_the_methods_scope_is_admitted(name: str, production: Service) -> None:
    scope = rule(METHODS[name]).scope
    api_key, _ = issue_api_key(production, *filter(None, [scope]))
    expected = "TOKEN_REQUIRED" if name in OWN else ADMITTED.get(name, "OK")
    assert call(production, name, by_key(api_key)) == expected


@each_method
def test_a_key_with_every_scope_but_the_methods_is_not(name: str, production: Service) -> None:
    scopes = {rule(m).scope for m in METHODS.values()} - {rule(METHODS[name]).scope, ""}
    api_key, _ = issue_api_key(production, *sorted(scopes))
    admitted = name in PUBLIC
    answer = call(production, name, by_key(api_key))
    assert admitted or answer in {"ACCESS_DENIED", "TOKEN_REQUIRED"}


@each_method
def test_nobody_gets_beyond_public_methods_without_proof(name: str, open_service: Service) -> None:
    level = rule(METHODS[name]).level
    expected = {
        AccessLevel.ACCESS_LEVEL_PUBLIC: WITHOUT_SERVICE.get(name, "OK"),
        AccessLevel.ACCESS_LEVEL_ACCOUNT: "TOKEN_REQUIRED",
    }
    assert call(open_service, name) == expected.get(level, "CALLER_UNAUTHENTICATED")


@each_method
def test_an_account_can_do_nothing_to_others_or_to_the_service(
    name: str, open_service: Service
) -> None:
    tokens = open_service.register().tokens
    level = rule(METHODS[name]).level
    on_others = {"GetSession": "SESSION_NOT_FOUND", "RevokeSession": "SESSION_NOT_FOUND"}
    expected = {
        AccessLevel.ACCESS_LEVEL_PUBLIC: WITHOUT_SERVICE.get(name, "OK"),
        AccessLevel.ACCESS_LEVEL_ACCOUNT: on_others.get(name, "ACCESS_DENIED"),
        AccessLevel.ACCESS_LEVEL_SERVICE: "CALLER_UNAUTHENTICATED",
        AccessLevel.ACCESS_LEVEL_ADMIN: "ACCESS_DENIED",
    }[level]
    answer = call(open_service, name, bearer(tokens.access_token))
    assert answer == OWN.get(name, expected)


@each_method
def test_an_administrators_token_with_the_scope_is_admitted(
    name: str, open_service: Service
) -> None:
    option = rule(METHODS[name])
    if option.level != AccessLevel.ACCESS_LEVEL_ADMIN:
        return
    token = admin_token(open_service, option.scope)
    assert call(open_service, name, bearer(token)) == ADMITTED.get(name, "OK")


def test_an_administrator_has_no_scope_that_the_token_does_not_carry(open_service: Service) -> None:
    token = admin_token(open_service, "authsvc.keys.read")
    assert call(open_service, "ListKeys", bearer(token)) == "OK"
    assert call(open_service, "RotateKey", bearer(token)) == "ACCESS_DENIED"


def test_a_foreign_accounts_session_is_not_known(open_service: Service) -> None:
    mine, theirs = open_service.register().tokens, open_service.register()
    me = bearer(mine.access_token)
    session_id, account_id = theirs.tokens.session_id, theirs.account.account_id
    session, account = open_service.session, open_service.account

    read = refused(
        lambda: session.GetSession(GetSessionRequest(session_id=session_id), metadata=me)
    )
    unknown = refused(
        lambda: session.GetSession(GetSessionRequest(session_id=NO_SESSION), metadata=me)
    )
    assert read == unknown
    end = RevokeSessionRequest(session_id=session_id)
    assert refused(lambda: session.RevokeSession(end, metadata=me)).reason == "SESSION_NOT_FOUND"
    for refuse in (
        lambda: account.GetAccount(GetAccountRequest(account_id=account_id), metadata=me),
        lambda: session.ListSessions(ListSessionsRequest(account_id=account_id), metadata=me),
        lambda: session.RevokeAllSessions(
            RevokeAllSessionsRequest(account_id=account_id), metadata=me
        ),
    ):
        assert refused(refuse).reason == "ACCESS_DENIED"
    open_service.token.VerifyToken(VerifyTokenRequest(access_token=theirs.tokens.access_token))


def test_ones_own_session_may_be_named(open_service: Service) -> None:
    tokens = open_service.register().tokens
    request = GetSessionRequest(session_id=tokens.session_id)
    answer = open_service.session.GetSession(request, metadata=bearer(tokens.access_token))
    assert answer.session.session_id == tokens.session_id


@pytest.mark.parametrize(
    "garble",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key.swapcase(),
        lambda key: "x" + key,
        lambda key: key + " " + key,
        lambda key: f"Bearer {key}",
        lambda key: new_api_key(),
        lambda key: "ask_",
        lambda key: "ask_" + "A" * 38,
        lambda key: "A" * 8000,
    ],
)
def test_p_int_1_a_garbled_key_is_refused_also_where_none_is_needed(
    garble: object, open_service: Service
) -> None:
    api_key, _ = issue_api_key(open_service)
    assert call(open_service, "GetJwks", by_key(api_key)) == "OK"
    garbled = garble(api_key)  # type: ignore[operator]
    assert call(open_service, "GetJwks", by_key(garbled)) == "CALLER_UNAUTHENTICATED"


def test_p_int_1_a_revoked_key_is_dead_at_once(production: Service) -> None:
    api_key, key_id = issue_api_key(production)
    assert call(production, "GetJwks", by_key(api_key)) == "OK"
    revoke_api_key(production, key_id)
    assert call(production, "GetJwks", by_key(api_key)) == "CALLER_UNAUTHENTICATED"


def test_p_int_1_a_key_ends_when_it_should(production: Service) -> None:
    over, _ = issue_api_key(production, life=timedelta(0))
    alive, _ = issue_api_key(production, life=timedelta(hours=1))
    assert call(production, "GetJwks", by_key(over)) == "CALLER_UNAUTHENTICATED"
    assert call(production, "GetJwks", by_key(alive)) == "OK"


def test_p_int_1_a_disabled_service_cannot_call(production: Service) -> None:
    api_key, _ = issue_api_key(production, state=ServiceAccountState.DISABLED)
    assert call(production, "GetJwks", by_key(api_key)) == "CALLER_UNAUTHENTICATED"


@pytest.mark.parametrize("header", ["authorization", "x-authsvc-api-key"])
def test_a_credential_that_is_given_twice_is_refused(header: str, open_service: Service) -> None:
    token = open_service.register().tokens.access_token
    api_key, _ = issue_api_key(open_service)
    value = f"Bearer {token}" if header == "authorization" else api_key
    twice = ((header, value), (header, value))
    assert call(open_service, "GetAccount", twice) == "INVALID_REQUEST"


@pytest.mark.parametrize("form", ["{}", "Basic {}", "Bearer{}", "Bearer  {}", "Bearer {} ", ""])
def test_an_authorization_of_another_form_is_no_active_token(
    form: str, open_service: Service
) -> None:
    token = open_service.register().tokens.access_token
    metadata = (("authorization", form.format(token)),)
    # gRPC trims what stands around a value, so that a trailing space never arrives.
    expected = "OK" if form == "Bearer {} " else "TOKEN_INACTIVE"
    answer = outcome(lambda: send(open_service.channel, "GetAccount", metadata=metadata))
    assert answer in {expected, "TOKEN_INACTIVE"}


def test_a_token_for_another_audience_opens_nothing_here(open_service: Service) -> None:
    username = open_service.register().account.username
    token = open_service.login(username, audience="orders").access_token
    assert call(open_service, "GetAccount", bearer(token)) == "TOKEN_INACTIVE"


@each_method
def test_who_may_not_call_learns_nothing_of_the_rules_for_requests(
    name: str, production: Service
) -> None:
    answer = outcome(lambda: send(production.channel, name, b"\xff\xff\xff"))
    assert answer == "CALLER_UNAUTHENTICATED"


def test_who_may_not_see_a_list_learns_nothing_of_its_page_tokens(open_service: Service) -> None:
    me = bearer(open_service.register().tokens.access_token)
    other = open_service.register().account.account_id
    request = ListSessionsRequest(account_id=other, page_token="AAAA")
    refusal = refused(lambda: open_service.session.ListSessions(request, metadata=me))
    assert refusal.reason == "ACCESS_DENIED"


def test_p_rev_8_another_clients_tokens_cannot_be_revoked(production: Service) -> None:
    mine, theirs = (by_key(issue_api_key(production)[0]) for _ in range(2))
    request = request_of("Register", username="p-rev-8", password=PASSWORD)
    tokens = send(production.channel, "Register", request, metadata=theirs).tokens
    reader = by_key(issue_api_key(production, "authsvc.tokens.introspect")[0])

    def is_active(token: str) -> bool:
        request = IntrospectTokenRequest(token=token)
        return production.token.IntrospectToken(request, metadata=reader).active

    for token in (tokens.access_token, tokens.refresh_token):
        request = RevokeTokenRequest(token=token)
        production.token.RevokeToken(request, metadata=mine)
        assert is_active(token)
        production.token.RevokeToken(request, metadata=theirs)
        assert not is_active(token)


def test_p_rev_8_an_administrator_may_revoke_any_clients_token(production: Service) -> None:
    request = request_of("Register", username="p-rev-8-admin", password=PASSWORD)
    caller = by_key(issue_api_key(production)[0])
    tokens = send(production.channel, "Register", request, metadata=caller).tokens
    admin = by_key(issue_api_key(production, "authsvc.sessions.write")[0])

    production.token.RevokeToken(RevokeTokenRequest(token=tokens.refresh_token), metadata=admin)

    verify = VerifyTokenRequest(access_token=tokens.access_token)
    refusal = refused(lambda: production.token.VerifyToken(verify, metadata=caller))
    assert refusal.reason == "TOKEN_INACTIVE"


def test_another_client_can_neither_refresh_nor_log_out(production: Service) -> None:
    mine, theirs = (by_key(issue_api_key(production)[0]) for _ in range(2))
    request = request_of("Register", username="p-ref-6", password=PASSWORD)
    tokens = send(production.channel, "Register", request, metadata=theirs).tokens
    stolen = request_of("Refresh", refresh_token=tokens.refresh_token)

    answer = outcome(lambda: send(production.channel, "Refresh", stolen, metadata=mine))
    assert answer == "INVALID_GRANT"
    logout = request_of("Logout", refresh_token=tokens.refresh_token)
    send(production.channel, "Logout", logout, metadata=mine)
    send(production.channel, "Refresh", stolen, metadata=theirs)
