"""What an attacker would have of an exchange, and does not get (P-INT-3, P-REV-1, P-KEY-3)."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import grpc
import jwt
import pytest
from authn.v1.account_service_pb2 import ChangePasswordRequest, CreateAccountRequest
from authn.v1.key_service_pb2 import RevokeKeyRequest, RotateKeyRequest
from authn.v1.service_account_service_pb2 import (
    RevokeApiKeyRequest,
    UpdateServiceAccountRequest,
)
from authn.v1.token_service_pb2 import (
    ExchangeTokenRequest,
    ExplainTokenRequest,
    RevokeTokenRequest,
    TokenDefect,
    VerifyTokenRequest,
)
from sqlalchemy import text

from authsvc.client import Verifier
from authsvc.errors import TokenInactive
from authsvc.stores.sql.engine import connect
from authsvc.verify.claims import MAX_ACTORS
from authsvc.verify.jws import MAX_TOKEN_BYTES
from tests.callers import Caller, make_caller, service_token
from tests.promises.exchanging import (
    EXCHANGE,
    claims_of,
    exchange,
    exchanged,
    passing_on,
    payload,
    person,
)
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server, valkey
from tests.transport.calls import outcome, refused
from tests.transport.test_assertions import assertion
from tests.transport.test_verify import SENDABLE
from tests.verify.minting import JWKS

PATIENCE = timedelta(seconds=20)


@pytest.fixture(name="redis", scope="module")
def _redis() -> Iterator[Server]:
    with valkey() as server:
        yield server


@pytest.fixture(name="short_lived")
def _short_lived() -> Iterator[Server]:
    with valkey() as server:
        yield server


@pytest.fixture(name="own", scope="module")
def _own(redis: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = Path(tmp_path_factory.mktemp("abuse"))
    with running(data=data, redis_url=redis.url) as service:
        yield service


def is_active(service: Service, token: str) -> bool:
    """Say whether a token for the default audience is active."""
    request = VerifyTokenRequest(access_token=token)
    return outcome(lambda: service.token.VerifyToken(request)) == "OK"


@pytest.mark.parametrize("audiences", [["orders", "stock", "payments"], ["*"]])
def test_p_int_3_what_was_sent_to_another_service_is_not_exchanged(
    audiences: list[str], service: Service
) -> None:
    """The confused deputy: `stock` sends what it was given back to `orders`, for `payments`."""
    orders = passing_on(service, audiences=audiences, own_audiences=["orders"])
    old = person(service, audience="orders")
    for_stock = exchanged(service, orders, old, audience="stock")
    straight_to_stock = person(service, audience="stock")

    for token in (for_stock, straight_to_stock):
        answer = outcome(lambda t=token: exchange(service, orders, t, audience="payments"))
        assert answer == "TOKEN_INACTIVE"


def test_p_int_3_who_is_nobodys_audience_exchanges_nothing(service: Service) -> None:
    by = passing_on(service, own_audiences=[])
    assert outcome(lambda: exchange(service, by, person(service))) == "TOKEN_INACTIVE"


def test_p_rev_1_what_a_service_passed_on_ends_when_it_loses_its_audience(
    service: Service,
) -> None:
    by = passing_on(service)
    new = exchanged(service, by, person(service))
    change = UpdateServiceAccountRequest(
        name=by.name, own_audiences=["else"], update_mask={"paths": ["own_audiences"]}
    )

    changed = service.service_account.UpdateServiceAccount(change).service_account

    assert list(changed.own_audiences) == ["else"]
    assert not is_active(service, new)
    assert outcome(lambda: exchange(service, by, person(service))) == "TOKEN_INACTIVE"


def pass_on_over_a_rotation(service: Service) -> tuple[str, str, str]:
    """Give the key of a token, and what that was exchanged for twice, signed by other keys."""
    old, key = person(service), ""
    tokens = [old]
    for _ in range(2):
        key = key or jwt.get_unverified_header(old)["kid"]
        service.key.RotateKey(RotateKeyRequest(activate_immediately=True))
        tokens.append(exchanged(service, passing_on(service), tokens[-1]))
    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 3
    return key, tokens[1], tokens[2]


def test_p_key_3_what_a_stolen_key_has_signed_is_worth_nothing_exchanged(own: Service) -> None:
    """A forged token, exchanged before the key is revoked, would else outlive the key."""
    key, child, grandchild = pass_on_over_a_rotation(own)
    issuer = own.app.config.issuer
    with Verifier(own.address, issuer=issuer, audience="authsvc") as verifier:
        verifier.wait_until_ready(PATIENCE)
        for token in (child, grandchild):
            assert is_active(own, token)
            assert verifier.verify(token).actor

        revision = own.key.RevokeKey(RevokeKeyRequest(key_id=key)).revision

        assert [is_active(own, token) for token in (child, grandchild)] == [False, False]
        explained = own.token.ExplainToken(ExplainTokenRequest(access_token=grandchild))
        assert explained.defect == TokenDefect.TOKEN_DEFECT_UNKNOWN_KEY
        while verifier.revision < revision:
            pass
        for token in (child, grandchild):
            with pytest.raises(TokenInactive):
                verifier.verify(token)
    assert is_active(own, exchanged(own, passing_on(own), person(own)))


def test_p_key_3_also_a_worker_without_a_lease_knows_it(redis: Server, tmp_path: Path) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        key, *passed = pass_on_over_a_rotation(service)
        service.app.revoking.replica.lease.give_up()
        assert [is_active(service, token) for token in passed] == [True, True]

        with suppress(grpc.RpcError):  # its own replica follows no more: nobody waits for it
            service.key.RevokeKey(RevokeKeyRequest(key_id=key))

        assert [is_active(service, token) for token in passed] == [False, False]


def test_p_int_3_a_token_in_its_leeway_is_exchanged_for_nothing(service: Service) -> None:
    """What it could be exchanged for would have ended before it begins."""
    by, old = passing_on(service), person(service)
    service.clock.offset = service.app.config.access_token_lifetime + timedelta(seconds=1)
    try:
        assert is_active(service, old)
        assert outcome(lambda: exchange(service, by, old)) == "TOKEN_INACTIVE"
    finally:
        service.clock.offset = None


def test_p_tok_4_the_longest_token_that_can_be_made_can_be_read(own: Service) -> None:
    """With all that the contract allows, each exchange after a rotation, and ids at their end."""
    scopes = [f"{n:02}".ljust(31, "x") for n in range(64)]
    roles = [f"r{n:02}".ljust(64, "x") for n in range(32)]
    audience = '"' * 255  # two characters each in JSON
    name = f"u{secrets.token_hex(8)}"
    account = CreateAccountRequest(username=name, password=PASSWORD, roles=roles)
    own.account.CreateAccount(account)
    by = passing_on(own, *scopes, own_audiences=[audience], name="n" * 63)
    token = own.login(name, scopes=scopes, audience=audience).access_token
    for _ in range(MAX_ACTORS):
        own.key.RotateKey(RotateKeyRequest(activate_immediately=True))
        token = exchanged(own, by, token, scopes=scopes, audience=audience)

    claims = claims_of(own, token, audience)
    assert (len(claims.roles), len(claims.scopes), len(claims.actors)) == (32, 64, MAX_ACTORS)
    bound = {"cnf": {"x5t#S256": "A" * 43}, "amr": ["mfa"] * 8, "epoch": 2**53}
    assert len(token) + len(json.dumps(bound)) * 2 <= MAX_TOKEN_BYTES


def test_p_mfa_3_who_was_passed_a_token_gets_no_session_and_changes_no_password(
    service: Service,
) -> None:
    """`ChangePassword` opens a new session in the place of the one that calls."""
    new = exchanged(service, passing_on(service), person(service))
    request = ChangePasswordRequest(current_password=PASSWORD, new_password=PASSWORD + "!")

    answer = outcome(lambda: service.account.ChangePassword(request, metadata=bearer(new)))

    assert answer == "TOKEN_INACTIVE"


def test_p_tok_8_a_service_that_was_passed_a_services_token_does_not_become_it(
    service: Service,
) -> None:
    one, two = make_caller(service, "stock.read"), passing_on(service, "stock.read")
    old = service_token(service, one.metadata, scopes=["stock.read"]).access_token

    new = exchanged(service, two, old, scopes=["stock.read"])

    claims = claims_of(service, new)
    assert (claims.subject, claims.client_id, claims.actor) == (one.subject, two.name, two.subject)
    ask = ExchangeTokenRequest(subject_token=old)
    answer = outcome(lambda: service.token.ExchangeToken(ask, metadata=bearer(new)))
    assert answer == "TOKEN_INACTIVE"


def test_a_service_that_signs_assertions_exchanges_by_them_once_each(service: Service) -> None:
    keys = [{name: value for name, value in JWKS["EdDSA"].items() if name != "kid"}]
    by, old = passing_on(service, public_keys=keys), person(service)
    text = assertion(service, by.name)
    request = ExchangeTokenRequest(subject_token=old, client_assertion=text)

    new = service.token.ExchangeToken(request).access_token

    assert claims_of(service, new).actor == by.subject
    again = outcome(lambda: service.token.ExchangeToken(request))
    assert again == "CALLER_UNAUTHENTICATED"


def _revoke_token(service: Service, old: str, _by: Caller) -> None:
    service.token.RevokeToken(RevokeTokenRequest(token=old))


def _revoke_key(service: Service, _old: str, by: Caller) -> None:
    service.service_account.RevokeApiKey(RevokeApiKeyRequest(key_id=by.key_id))


@pytest.mark.parametrize("end", [_revoke_token, _revoke_key])
def test_p_ref_5_whatever_is_revoked_during_an_exchange_the_new_token_is_dead(
    service: Service, end: Callable[[Service, str, Caller], None]
) -> None:
    """Once the revocation has answered, and whichever came first."""
    for _ in range(10):
        by, old = passing_on(service), person(service)
        with ThreadPoolExecutor(4) as pool:
            made = [pool.submit(exchanged, service, by, old) for _ in range(4)]
            ended = pool.submit(end, service, old, by)
            made += [pool.submit(exchanged, service, by, old) for _ in range(4)]
            ended.result()
            for each in made:
                with suppress(grpc.RpcError):
                    assert not is_active(service, each.result())


def test_p_int_3_the_new_token_names_all_that_it_comes_from(service: Service) -> None:
    """What verifiers of any language look up is in the token (docs/delegation.md)."""
    old = person(service)
    new = payload(exchanged(service, passing_on(service), old))

    assert new["lineage"] == [payload(old)["jti"]]
    assert new["lineage_keys"] == [jwt.get_unverified_header(old)["kid"]]
    assert new["act"].keys() == {"sub", "epoch", "sid"}
    assert EXCHANGE not in new["scope"]


@pytest.mark.parametrize("name", SENDABLE)
def test_p_tok_1_to_5_a_hostile_token_is_exchanged_for_nothing(own: Service, name: str) -> None:
    by = passing_on(own)
    assert outcome(lambda: exchange(own, by, SENDABLE[name])) == "TOKEN_INACTIVE"


@pytest.mark.parametrize("size", [0, 1, 8192, 8193, 1_000_000])
def test_p_tok_4_a_token_of_any_size_is_judged_or_refused_unread(own: Service, size: int) -> None:
    by = passing_on(own)
    assert outcome(lambda: exchange(own, by, "A" * size)) in {
        "TOKEN_INACTIVE",
        "RESOURCE_EXHAUSTED",  # of the limit on messages
    }


def test_p_flt_1_without_lease_and_redis_nothing_is_exchanged(
    tmp_path: Path, short_lived: Server
) -> None:
    with running(data=tmp_path, redis_url=short_lived.url) as service:
        by, old = passing_on(service), person(service)
        assert outcome(lambda: exchange(service, by, old)) == "OK"
        short_lived.kill()
        time.sleep(service.app.config.read_lease.total_seconds() + 0.1)

        refusal = refused(lambda: exchange(service, by, old))

    assert (refusal.code.name, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")


def test_p_flt_1_an_exchange_whose_event_can_not_be_kept_gives_no_token(
    tmp_path: Path, short_lived: Server
) -> None:
    with running(data=tmp_path, redis_url=short_lived.url) as service:
        by, old = passing_on(service), person(service)
        assert outcome(lambda: exchange(service, by, old)) == "OK"
        with connect(service.app.config.sql_url()).begin() as connection:
            connection.execute(text("DROP TABLE events"))

        refusal = refused(lambda: exchange(service, by, old))

    assert (refusal.code.name, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
