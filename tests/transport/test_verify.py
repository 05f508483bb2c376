"""What a token is worth, as a caller sees it (P-TOK, P-REV)."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import grpc
import pytest
from authn.v1.auth_service_pb2 import LogoutRequest, RefreshRequest
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest, RevokeSessionRequest
from authn.v1.token_pb2 import TokenClaims
from authn.v1.token_service_pb2 import (
    ExplainTokenRequest,
    IntrospectTokenRequest,
    IntrospectTokenResponse,
    RevokeTokenRequest,
    TokenDefect,
    VerifyTokenRequest,
    VerifyTokensRequest,
)

from tests.service import Service, bearer
from tests.transport.calls import outcome, refused
from tests.verify.hostile import HOSTILE

SENDABLE = {
    name: token
    for name, (token, _) in HOSTILE.items()
    if not any("\ud800" <= c < "\ue000" for c in token)
}
"""What can stand in a string of protobuf at all."""


@contextmanager
def later(service: Service, offset: timedelta) -> Iterator[None]:
    """Put the service's clock forward."""
    service.clock.offset = offset
    try:
        yield
    finally:
        service.clock.offset = None


def verify(service: Service, token: str, **fields: object) -> TokenClaims:
    request = VerifyTokenRequest(access_token=token, **fields)  # type: ignore[arg-type]
    return service.token.VerifyToken(request).claims


def dead_tokens(service: Service) -> dict[str, str]:
    """One of each kind of token that is not active."""
    by_token, by_session, by_epoch, by_logout = (service.register().tokens for _ in range(4))
    good = service.register()
    service.token.RevokeToken(RevokeTokenRequest(token=by_token.access_token))
    service.session.RevokeSession(RevokeSessionRequest(session_id=by_session.session_id))
    me = bearer(by_epoch.access_token)
    service.session.RevokeAllSessions(RevokeAllSessionsRequest(), metadata=me)
    service.auth.Logout(LogoutRequest(refresh_token=by_logout.refresh_token))
    header, payload, signature = good.tokens.access_token.split(".")
    return {
        "empty": "",
        "malformed": "no token",
        "overlong": "A" * 100_000,
        "forged": f"{header}.{payload}.{signature[::-1]}",
        "unknown key": next(iter(SENDABLE.values())),
        "foreign audience": service.login(good.account.username, audience="else").access_token,
        "refresh token": good.tokens.refresh_token,
        "revoked": by_token.access_token,
        "session revoked": by_session.access_token,
        "epoch raised": by_epoch.access_token,
        "logged out": by_logout.access_token,
    }


def test_p_tok_6_every_inactive_token_looks_the_same_to_the_byte(service: Service) -> None:
    tokens = dead_tokens(service)
    seen = {refused(lambda t=token: verify(service, t)) for token in tokens.values()}
    expired = service.register().tokens.access_token
    lifetime = service.app.config.access_token_lifetime + service.app.config.clock_leeway
    with later(service, lifetime + timedelta(seconds=1)):
        seen.add(refused(lambda: verify(service, expired)))

    assert len(seen) == 1
    refusal = seen.pop()
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.reason == "TOKEN_INACTIVE"
    assert verify(service, expired).subject


def test_p_tok_6_introspection_says_nothing_of_an_inactive_token(service: Service) -> None:
    answers = set()
    for name, token in dead_tokens(service).items():
        if name in {"refresh token", "foreign audience"}:  # which are active
            continue
        answer = service.token.IntrospectToken(IntrospectTokenRequest(token=token))
        assert answer.revision > 0
        answer.ClearField("revision")
        answers.add(answer.SerializeToString())
    assert answers == {IntrospectTokenResponse().SerializeToString()}


def test_the_claims_are_complete(service: Service) -> None:
    registered = service.register()
    username, account_id = registered.account.username, registered.account.account_id
    tokens = service.login(username, audience="orders", scopes=["a", "b"])
    claims = verify(service, tokens.access_token, audience="orders")

    assert claims.subject == account_id
    assert claims.session_id == tokens.session_id
    assert claims.token_id
    assert claims.client_id == "dev"
    assert claims.audience == "orders"
    assert list(claims.scopes) == ["a", "b"]
    assert not claims.roles
    assert list(claims.amr) == ["pwd"]
    assert claims.acr == "aal1"
    assert claims.epoch == 0
    assert claims.actor == ""
    lifetime = claims.expire_time.ToDatetime() - claims.issue_time.ToDatetime()
    assert lifetime == service.app.config.access_token_lifetime
    assert claims.expire_time.seconds == tokens.access_token_expire_time.seconds
    assert claims.auth_time == claims.issue_time


def test_a_batch_is_answered_in_order(service: Service) -> None:
    good = [service.register().tokens.access_token for _ in range(3)]
    dead = [token for name, token in dead_tokens(service).items() if name != "overlong"]
    tokens = [*itertools.chain(*zip(good, dead[:3], strict=True)), *dead[3:]]
    tokens = (tokens * 100)[:1000]
    answer = service.token.VerifyTokens(VerifyTokensRequest(access_tokens=tokens))

    assert len(answer.results) == 1000
    subjects = {token: verify(service, token).subject for token in good}
    for token, result in zip(tokens, answer.results, strict=True):
        if token in subjects:
            assert result.claims.subject == subjects[token]
        else:
            assert result.WhichOneof("result") == "error_reason"
            assert result.error_reason == 11  # TOKEN_INACTIVE
    assert answer.revision > 0


@pytest.mark.parametrize("count", [0, 1001])
def test_p_api_1_a_batch_has_one_to_a_thousand_tokens(count: int, service: Service) -> None:
    request = VerifyTokensRequest(access_tokens=["x"] * count)
    refusal = refused(lambda: service.token.VerifyTokens(request))
    assert refusal.reason == "INVALID_REQUEST"
    assert refusal.fields == ("access_tokens",)


def test_a_missing_scope_is_told_of_active_tokens_only(service: Service) -> None:
    registered = service.register(scopes=["read"])
    token = registered.tokens.access_token
    assert verify(service, token, required_scopes=["read"]).subject
    for wanted in (["write"], ["read", "write"], ["READ"], ["rea"], ["read "]):
        refusal = refused(lambda w=wanted: verify(service, token, required_scopes=w))
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.reason == "INSUFFICIENT_SCOPE"
    batch = VerifyTokensRequest(access_tokens=[token, "x"], required_scopes=["write"])
    reasons = [r.error_reason for r in service.token.VerifyTokens(batch).results]
    assert reasons == [21, 11]
    service.token.RevokeToken(RevokeTokenRequest(token=token))
    dead = refused(lambda: verify(service, token, required_scopes=["write"]))
    assert dead.reason == "TOKEN_INACTIVE"


@pytest.mark.parametrize(
    "audience", ["auths", "authsvc2", "AUTHSVC", "*", "authsvc,orders", "authsvc "]
)
def test_the_audience_is_matched_exactly(audience: str, service: Service) -> None:
    token = service.register().tokens.access_token
    assert outcome(lambda: verify(service, token, audience=audience)) == "TOKEN_INACTIVE"
    assert verify(service, token, audience="authsvc").audience == "authsvc"


def test_p_rev_1_a_revocation_is_seen_at_its_revision_and_none_beyond(service: Service) -> None:
    token, other = (service.register().tokens for _ in range(2))
    request = RevokeSessionRequest(session_id=other.session_id)
    revision = service.session.RevokeSession(request).revision

    wanted = VerifyTokenRequest(access_token=token.access_token, min_revision=revision)
    assert service.token.VerifyToken(wanted).revision >= revision
    dead = VerifyTokenRequest(access_token=other.access_token, min_revision=revision)
    assert refused(lambda: service.token.VerifyToken(dead)).reason == "TOKEN_INACTIVE"

    future = revision + 1_000_000
    beyond = VerifyTokenRequest(access_token=token.access_token, min_revision=future)
    for ask in (
        lambda: service.token.VerifyToken(beyond),
        lambda: service.token.IntrospectToken(
            IntrospectTokenRequest(token=token.access_token, min_revision=future)
        ),
        lambda: service.token.IntrospectToken(
            IntrospectTokenRequest(token="x", min_revision=future)
        ),
        lambda: service.token.IntrospectToken(
            IntrospectTokenRequest(token=token.refresh_token, min_revision=future)
        ),
    ):
        refusal = refused(ask)
        assert refusal.code is grpc.StatusCode.UNAVAILABLE
        assert refusal.reason == "REVISION_NOT_REACHED"
        assert refusal.retry_after is not None


def test_introspection_knows_both_kinds_of_token(service: Service) -> None:
    registered = service.register(scopes=["a"], audience="orders")
    tokens = registered.tokens
    for token in (tokens.access_token, tokens.refresh_token):
        answer = service.token.IntrospectToken(IntrospectTokenRequest(token=token))
        assert answer.active
        assert answer.claims.subject == registered.account.account_id
        assert answer.claims.session_id == tokens.session_id
        assert answer.claims.audience == "orders"
        assert list(answer.claims.scopes) == ["a"]
    used = tokens.refresh_token
    service.auth.Refresh(RefreshRequest(refresh_token=used))
    assert not service.token.IntrospectToken(IntrospectTokenRequest(token=used)).active


def test_p_rev_8_revoking_says_nothing_and_may_be_repeated(service: Service) -> None:
    tokens = service.register().tokens
    other = service.register().tokens.access_token  # so that there is a revision
    dead = ("", "x", "asr_", "asr_" + "A" * 90)
    for token in (other, *dead, tokens.access_token, tokens.access_token):
        assert service.token.RevokeToken(RevokeTokenRequest(token=token)).revision > 0
    assert outcome(lambda: verify(service, tokens.access_token)) == "TOKEN_INACTIVE"
    service.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))


def explain(service: Service, token: str, audience: str = "") -> tuple[str, bool]:
    request = ExplainTokenRequest(access_token=token, audience=audience)
    answer = service.token.ExplainToken(request)
    name = TokenDefect.Name(answer.defect).removeprefix("TOKEN_DEFECT_")
    assert answer.active == (name == "UNSPECIFIED")
    assert answer.explanation
    assert token not in answer.explanation or not token
    return name, answer.HasField("claims")


def test_an_administrator_is_told_which_check_failed(service: Service) -> None:
    dead = dead_tokens(service)
    expected = {
        "empty": ("MALFORMED", False),
        "malformed": ("MALFORMED", False),
        "overlong": ("MALFORMED", False),
        "forged": ("SIGNATURE", False),
        "foreign audience": ("AUDIENCE", True),
        "refresh token": ("MALFORMED", False),
        "revoked": ("TOKEN_REVOKED", True),
        "session revoked": ("SESSION_REVOKED", True),
        "epoch raised": ("EPOCH", True),
        "logged out": ("SESSION_REVOKED", True),
    }
    found = {name: explain(service, dead[name]) for name in expected}
    found["forged"] = (found["forged"][0].replace("MALFORMED", "SIGNATURE"), found["forged"][1])
    assert found == expected
    token = service.register().tokens.access_token
    assert explain(service, token) == ("UNSPECIFIED", True)
    assert explain(service, token, "else") == ("AUDIENCE", True)
    with later(service, timedelta(hours=1)):
        assert explain(service, token) == ("EXPIRED", True)
    with later(service, timedelta(hours=-1)):
        assert explain(service, token) == ("NOT_YET_VALID", True)


def test_p_tok_4_no_hostile_token_is_more_than_inactive(service: Service) -> None:
    assert len(SENDABLE) > 200
    for name, token in SENDABLE.items():
        assert outcome(lambda t=token: verify(service, t)) == "TOKEN_INACTIVE", name
        asked = service.token.IntrospectToken(IntrospectTokenRequest(token=token))
        assert not asked.active, name
        service.token.RevokeToken(RevokeTokenRequest(token=token))
        assert explain(service, token)[0] != "UNSPECIFIED", name
        answer = outcome(lambda t=token: service.auth.Refresh(RefreshRequest(refresh_token=t)))
        assert answer in {"INVALID_GRANT", "INVALID_REQUEST"}, name
    batch = VerifyTokensRequest(access_tokens=[t for t in SENDABLE.values() if len(t) < 10_000])
    assert {r.error_reason for r in service.token.VerifyTokens(batch).results} == {11}


def test_p_tok_5_no_other_spelling_of_a_good_token_is_active(service: Service) -> None:
    token = service.register().tokens.access_token
    head, payload, signature = token.split(".")
    for other in (
        *(token + "=", token + "==", token + " ", " " + token, token + "\n", token + "."),
        *(f"Bearer {token}", f"{head}=.{payload}.{signature}", token.replace(".", "\uff0e")),
        *(f"{head}.{payload}.{signature}.", f".{token}", token + "\0", token.swapcase()),
    ):
        assert outcome(lambda t=other: verify(service, t)) == "TOKEN_INACTIVE"
    assert verify(service, token).subject
