"""Services pass tokens on, never wider, and never beyond what they come from (P-INT-3, P-REV-1)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from authn.v1.account_service_pb2 import DisableAccountRequest, GetAccountRequest
from authn.v1.event_service_pb2 import ListEventsRequest
from authn.v1.service_account_service_pb2 import (
    DisableServiceAccountRequest,
    RevokeApiKeyRequest,
)
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest, RevokeSessionRequest
from authn.v1.token_service_pb2 import (
    ExchangeTokenRequest,
    ExplainTokenRequest,
    IntrospectTokenRequest,
    RevokeTokenRequest,
    TokenDefect,
    VerifyTokenRequest,
    VerifyTokensRequest,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.client import Verifier
from authsvc.errors import TokenInactive
from tests.callers import Caller, make_caller, service_token
from tests.promises.exchanging import (
    EXCHANGE,
    SCOPES,
    claims_of,
    exchange,
    exchanged,
    passing_on,
    payload,
    person,
)
from tests.service import Service, bearer, running
from tests.stores.hot.servers import Server, valkey
from tests.transport.calls import outcome

PATIENCE = timedelta(seconds=20)


def test_p_int_3_the_new_token_is_the_subjects_and_names_who_acts(service: Service) -> None:
    orders, stock = passing_on(service), passing_on(service)
    old = person(service)

    first = exchanged(service, orders, old, audience="stock", scopes=["stock.read"])
    second = exchanged(service, stock, first, audience="billing", scopes=["stock.read"])

    was, now = claims_of(service, old), claims_of(service, second, "billing")
    same = ("subject", "session_id", "roles", "amr", "acr", "auth_time", "epoch")
    assert [getattr(now, name) for name in same] == [getattr(was, name) for name in same]
    assert list(now.scopes) == ["stock.read"]
    assert (now.client_id, now.actor) == (stock.name, stock.subject)
    assert list(now.actors) == [stock.subject, orders.subject]
    act = payload(second)["act"]
    assert (act["sub"], act["act"]["sub"]) == (stock.subject, orders.subject)
    assert payload(second)["lineage"] == [payload(first)["jti"], was.token_id]


def test_rfc_8693_the_answer_says_what_it_is(service: Service) -> None:
    answer = exchange(service, passing_on(service), person(service))

    claims = claims_of(service, answer.access_token)
    assert answer.issued_token_type == "urn:ietf:params:oauth:token-type:access_token"
    assert (answer.token_type, answer.expire_time) == ("Bearer", claims.expire_time)
    assert list(claims.scopes) == []


def test_each_exchange_is_an_event(service: Service) -> None:
    by, made = passing_on(service), service.register()
    exchange(service, by, made.tokens.access_token)

    subject = made.account.account_id
    request = ListEventsRequest(filter={"subject": subject, "types": ["token.exchanged"]})
    [event] = service.event.ListEvents(request).events
    assert (event.actor, event.session_id) == (by.name, made.tokens.session_id)


@given(
    has=st.sets(st.sampled_from(SCOPES)),
    may=st.sets(st.sampled_from(SCOPES), min_size=1),
    wants=st.sets(st.sampled_from((*SCOPES, "admin"))),
    times=st.tuples(st.just(0) | st.integers(1, 86400), st.integers(0, 590)),
)
@settings(max_examples=40)
def test_p_int_3_no_exchange_widens_anything(
    service: Service, has: set[str], may: set[str], wants: set[str], times: tuple[int, int]
) -> None:
    ttl, age = times
    by, old = passing_on(service, *may), person(service, scopes=sorted(has))
    before = claims_of(service, old)
    service.clock.offset = timedelta(seconds=age)
    try:
        given = {"ttl": timedelta(seconds=ttl)} if ttl else {}
        ask = lambda: exchange(service, by, old, scopes=sorted(wants), **given)  # noqa: E731
        if not wants <= has & may:
            assert outcome(ask) == "INVALID_SCOPE"
            return
        after = claims_of(service, ask().access_token)
    finally:
        service.clock.offset = None
    assert set(after.scopes) == wants <= set(before.scopes)
    assert set(after.roles) <= set(before.roles)
    assert after.expire_time.seconds <= before.expire_time.seconds
    if ttl:
        assert after.expire_time.seconds - after.issue_time.seconds <= ttl
    assert (after.acr, after.amr, after.auth_time) == (before.acr, before.amr, before.auth_time)


def test_p_int_3_no_new_token_outlives_the_key_it_was_got_by(service: Service) -> None:
    by = passing_on(service)
    short = passing_on(service)
    old = person(service)
    assert claims_of(service, exchanged(service, by, old)).expire_time == (
        claims_of(service, old).expire_time
    )
    service.clock.offset = timedelta(days=1, seconds=-30)
    try:
        late = exchanged(service, short, person(service))
        claims = claims_of(service, late)
        assert claims.expire_time.seconds - claims.issue_time.seconds <= 30
    finally:
        service.clock.offset = None


class Refused(NamedTuple):
    """An exchange that must not be."""

    asks: Callable[[Service], object]
    reason: str


def _by(service: Service, metadata: Any, token: str = "") -> object:
    request = ExchangeTokenRequest(subject_token=token or person(service))
    return service.token.ExchangeToken(request, metadata=metadata)


def _old(service: Service, token: str, **fields: Any) -> object:
    return exchange(service, passing_on(service), token, **fields)


def _ended(service: Service) -> str:
    tokens = service.register().tokens
    service.session.RevokeSession(RevokeSessionRequest(session_id=tokens.session_id))
    return tokens.access_token


def _own_token(service: Service) -> Any:
    by = passing_on(service)
    return bearer(service_token(service, by.metadata, scopes=[EXCHANGE]).access_token)


def _too_far(service: Service) -> object:
    token, by = person(service), passing_on(service)
    for _ in range(4):
        token = exchanged(service, by, token)
    return exchange(service, by, token)


REFUSED = {
    "by nobody's account": Refused(lambda s: _by(s, ()), "CALLER_UNAUTHENTICATED"),
    "by a key that is none": Refused(
        lambda s: _by(s, (("x-authsvc-api-key", "ask_x"),)), "CALLER_UNAUTHENTICATED"
    ),
    "by a service without the scope": Refused(
        lambda s: exchange(s, make_caller(s, *SCOPES), person(s)), "ACCESS_DENIED"
    ),
    "by a service's token alone": Refused(
        lambda s: _by(s, _own_token(s)), "CALLER_UNAUTHENTICATED"
    ),
    "by keys of two services": Refused(
        lambda s: _by(s, (*passing_on(s).metadata, *_own_token(s))), "CALLER_UNAUTHENTICATED"
    ),
    "by a service with a revoked token of a person": Refused(
        lambda s: _by(s, (*passing_on(s).metadata, *bearer(_ended(s)))), "TOKEN_INACTIVE"
    ),
    "of nothing": Refused(lambda s: _old(s, ""), "TOKEN_INACTIVE"),
    "of garbage": Refused(lambda s: _old(s, "x.y.z"), "TOKEN_INACTIVE"),
    "of a refresh token": Refused(
        lambda s: _old(s, s.register().tokens.refresh_token), "TOKEN_INACTIVE"
    ),
    "of an API key": Refused(lambda s: _old(s, make_caller(s).api_key), "TOKEN_INACTIVE"),
    "of a forged token": Refused(lambda s: _old(s, person(s)[:-4] + "AAAA"), "TOKEN_INACTIVE"),
    "of a revoked token": Refused(lambda s: _old(s, _ended(s)), "TOKEN_INACTIVE"),
    "of a token for another audience": Refused(
        lambda s: exchange(s, passing_on(s, audiences=["authsvc"]), person(s, audience="else")),
        "TOKEN_INACTIVE",
    ),
    "for an audience that is not on the list": Refused(
        lambda s: exchange(s, passing_on(s, audiences=["authsvc"]), person(s), audience="payments"),
        "INVALID_AUDIENCE",
    ),
    "for a scope that the token lacks": Refused(
        lambda s: _old(s, person(s, scopes=["orders.read"]), scopes=["orders.write"]),
        "INVALID_SCOPE",
    ),
    "for a scope that the service lacks": Refused(
        lambda s: exchange(s, passing_on(s, "orders.read"), person(s), scopes=["orders.write"]),
        "INVALID_SCOPE",
    ),
    "passed on a fifth time": Refused(_too_far, "INVALID_REQUEST"),
    "bound without a certificate": Refused(
        lambda s: _old(s, person(s), bind_to_certificate=True), "INVALID_REQUEST"
    ),
    "with a thumbprint that is none": Refused(
        lambda s: _old(s, person(s), subject_certificate_sha256=b"x"), "INVALID_REQUEST"
    ),
    "for no time": Refused(lambda s: _old(s, person(s), ttl=timedelta(0)), "INVALID_REQUEST"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_p_int_3_a_refused_exchange_says_why(service: Service, case: Refused) -> None:
    assert outcome(lambda: case.asks(service)) == case.reason


def test_an_expired_token_is_not_exchanged(service: Service) -> None:
    by, old = passing_on(service), person(service)
    config = service.app.config
    service.clock.offset = config.access_token_lifetime + config.clock_leeway
    try:
        assert outcome(lambda: exchange(service, by, old)) == "TOKEN_INACTIVE"
    finally:
        service.clock.offset = None


def test_p_mfa_3_who_was_passed_a_token_is_not_its_subject_here(service: Service) -> None:
    old = person(service)
    new = exchanged(service, passing_on(service), old)
    ask = lambda token: service.account.GetAccount(  # noqa: E731
        GetAccountRequest(), metadata=bearer(token)
    )

    assert outcome(lambda: ask(old)) == "OK"
    assert outcome(lambda: ask(new)) == "TOKEN_INACTIVE"


class Chain(NamedTuple):
    """A token that was passed on twice, and all that it comes from."""

    service: Service
    account_id: str
    session_id: str
    old: str
    middle: str
    last: str
    first_actor: Caller
    second_actor: Caller


def chain(service: Service) -> Chain:
    """Pass a token on twice."""
    made, one, two = service.register(), passing_on(service), passing_on(service)
    old = made.tokens.access_token
    middle = exchanged(service, one, old)
    last = exchanged(service, two, middle)
    return Chain(
        service, made.account.account_id, made.tokens.session_id, old, middle, last, one, two
    )


def _revoke(service: Service, token: str, by: Caller | None = None) -> None:
    request = RevokeTokenRequest(token=token)
    service.token.RevokeToken(request, metadata=by.metadata if by else ())


ENDS: dict[str, Callable[[Chain], object]] = {
    "the session": lambda c: c.service.session.RevokeSession(
        RevokeSessionRequest(session_id=c.session_id)
    ),
    "all sessions": lambda c: c.service.session.RevokeAllSessions(
        RevokeAllSessionsRequest(account_id=c.account_id)
    ),
    "the account": lambda c: c.service.account.DisableAccount(
        DisableAccountRequest(account_id=c.account_id)
    ),
    "the first token": lambda c: _revoke(c.service, c.old),
    "the token between": lambda c: _revoke(c.service, c.middle, c.first_actor),
    "the token itself": lambda c: _revoke(c.service, c.last, c.second_actor),
    "the key of the first actor": lambda c: c.service.service_account.RevokeApiKey(
        RevokeApiKeyRequest(key_id=c.first_actor.key_id)
    ),
    "the key of the second actor": lambda c: c.service.service_account.RevokeApiKey(
        RevokeApiKeyRequest(key_id=c.second_actor.key_id)
    ),
    "the first actor": lambda c: c.service.service_account.DisableServiceAccount(
        DisableServiceAccountRequest(name=c.first_actor.name)
    ),
    "the second actor": lambda c: c.service.service_account.DisableServiceAccount(
        DisableServiceAccountRequest(name=c.second_actor.name)
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_p_rev_1_a_token_dies_with_whatever_it_comes_from(
    service: Service, end: Callable[[Chain], object]
) -> None:
    passed = chain(service)
    request = VerifyTokenRequest(access_token=passed.last)
    assert outcome(lambda: service.token.VerifyToken(request)) == "OK"

    end(passed)

    assert outcome(lambda: service.token.VerifyToken(request)) == "TOKEN_INACTIVE"
    many = service.token.VerifyTokens(VerifyTokensRequest(access_tokens=[passed.last]))
    assert many.results[0].HasField("error_reason")
    known = service.token.IntrospectToken(IntrospectTokenRequest(token=passed.last))
    assert not known.active
    explained = service.token.ExplainToken(ExplainTokenRequest(access_token=passed.last))
    assert explained.defect >= TokenDefect.TOKEN_DEFECT_TOKEN_REVOKED


def test_what_an_exchanged_token_was_made_for_does_not_end_what_it_came_from(
    service: Service,
) -> None:
    passed = chain(service)
    _revoke(service, passed.last, passed.second_actor)

    for token in (passed.old, passed.middle):
        assert claims_of(service, token).subject == passed.account_id


@pytest.fixture(name="own", scope="module")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = Path(tmp_path_factory.mktemp("exchange"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        yield service


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_p_rev_2_verifiers_elsewhere_learn_of_it(
    own: Service, end: Callable[[Chain], object]
) -> None:
    passed = chain(own)
    issuer = own.app.config.issuer
    with Verifier(own.address, issuer=issuer, audience="authsvc") as verifier:
        verifier.wait_until_ready(PATIENCE)
        assert verifier.verify(passed.last).actor == passed.second_actor.subject

        end(passed)

        wanted = own.token.VerifyToken(VerifyTokenRequest(access_token=person(own))).revision
        while verifier.revision < wanted:
            pass
        with pytest.raises(TokenInactive):
            verifier.verify(passed.last)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_p_rev_1_a_worker_without_a_lease_asks_redis_for_all_of_them(
    tmp_path: Path, redis: Server, end: Callable[[Chain], object]
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        passed = chain(service)
        other = person(service)
        service.app.revoking.replica.lease.give_up()
        request = VerifyTokensRequest(access_tokens=[other, passed.last, other])
        assert [r.WhichOneof("result") for r in service.token.VerifyTokens(request).results] == [
            "claims"
        ] * 3

        with suppress(grpc.RpcError):  # its own replica follows no more: nobody waits for it
            end(passed)

        results = service.token.VerifyTokens(request).results
        kinds = [result.WhichOneof("result") for result in results]
        assert kinds == ["claims", "error_reason", "claims"]


@pytest.fixture(name="redis")
def _redis() -> Any:
    with valkey() as server:
        yield server


def test_p_ref_5_an_exchange_that_races_a_revocation_leaves_nothing_active(
    service: Service,
) -> None:
    by = passing_on(service)
    for _ in range(20):
        tokens = service.register().tokens
        with ThreadPoolExecutor(4) as pool:
            made = [pool.submit(exchanged, service, by, tokens.access_token) for _ in range(6)]
            ended = pool.submit(
                service.session.RevokeSession, RevokeSessionRequest(session_id=tokens.session_id)
            )
            made += [pool.submit(exchanged, service, by, tokens.access_token) for _ in range(6)]
            ended.result()
            for each in made:
                with suppress(grpc.RpcError):
                    token = each.result()
                    request = VerifyTokenRequest(access_token=token)
                    answer = outcome(lambda r=request: service.token.VerifyToken(r))  # type: ignore[misc]
                    assert answer == "TOKEN_INACTIVE"
