"""P-API-2: clients and servers of the last release, of now and of later work with one another.

A server of another version is the present one behind a relay that knows the other contract alone.
"""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub

from authsvc.client import Verifier
from authsvc.client.token_source import TokenSource
from authsvc.errors import StaleRevocations, TokenInactive
from tests.compat.contract import (
    Client,
    Contract,
    known_alone,
    last_release,
    present,
    standing_between,
    with_later_fields,
)
from tests.porch.processes import eventually
from tests.service import PASSWORD, Service, reason, running
from tests.stores.hot.servers import valkey

pytestmark = pytest.mark.slow

_FAULTS = {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
"""What nobody is answered with who keeps to a contract that is served."""


@pytest.fixture(name="old", scope="module")
def _old() -> Contract:
    return last_release()


@pytest.fixture(name="own")
def _own(tmp_path: Path, transport: str) -> Iterator[Service]:
    """A service whose keys a test may end."""
    with valkey() as redis, running(data=tmp_path, redis_url=redis.url) as service:
        yield service


def live(call: Client) -> None:
    """Do what the first release could do; each answer is what its contract says."""
    name = f"u{secrets.token_hex(8)}"
    registered = call("Register", username=name, password=PASSWORD)
    account_id, other = registered.account.account_id, registered.tokens
    tokens = call("Login", identifier=name, password=PASSWORD).tokens
    assert refusal(call, "Login", identifier=name, password="x" * 20) == "INVALID_CREDENTIALS"

    check_tokens(call, account_id, tokens.access_token)
    look_after_sessions(call, tokens, other)
    look_after_account(call, account_id, tokens.access_token, name)
    look_after_keys(call)
    call_the_rest(call)


def check_tokens(call: Client, account_id: str, token: str) -> None:
    claims = call("VerifyToken", access_token=token).claims
    assert (claims.subject, claims.audience) == (account_id, "authsvc")
    good, bad = call("VerifyTokens", access_tokens=[token, "junk"]).results
    assert (good.claims.subject, bad.error_reason != 0) == (account_id, True)
    assert call("IntrospectToken", token=token).active
    assert call("ExplainToken", access_token=token).active
    assert claims.issue_time.seconds < claims.expire_time.seconds
    assert all(key.kid for key in call("GetJwks").keys)


def look_after_sessions(call: Client, tokens: object, other: object) -> None:
    bearer = tokens.access_token  # type: ignore[attr-defined]
    session_id = tokens.session_id  # type: ignore[attr-defined]
    assert len(call("ListSessions", bearer=bearer).sessions) == 2
    assert call("GetSession", bearer=bearer, session_id=session_id).session.client_id
    fresh = call("Refresh", refresh_token=tokens.refresh_token).tokens  # type: ignore[attr-defined]
    assert fresh.session_id == session_id
    ended = call("RevokeSession", bearer=bearer, session_id=other.session_id)  # type: ignore[attr-defined]
    assert ended.revision > 0
    dead = other.access_token  # type: ignore[attr-defined]
    assert refusal(call, "VerifyToken", access_token=dead) == "TOKEN_INACTIVE"
    rest = call("RevokeAllSessions", bearer=bearer, except_session_id=session_id)
    assert rest.revision >= ended.revision


def look_after_account(call: Client, account_id: str, bearer: str, name: str) -> None:
    assert call("GetPasswordPolicy").min_length >= 8
    new = PASSWORD + "-later"
    changed = call("ChangePassword", bearer=bearer, current_password=PASSWORD, new_password=new)
    assert call("RevokeToken", token=changed.tokens.access_token).revision > 0
    assert call("Logout", refresh_token=changed.tokens.refresh_token).revision > 0
    update = {"account_id": account_id, "roles": ["clerk"], "update_mask": {"paths": ["roles"]}}
    assert call("UpdateAccount", **update).account.roles[:] == ["clerk"]
    assert call("DisableAccount", account_id=account_id).revision > 0
    assert refusal(call, "Login", identifier=name, password=new) == "INVALID_CREDENTIALS"
    call("EnableAccount", account_id=account_id)
    assert call("GetAccount", account_id=account_id).account.username == name
    call("CreateAccount", username=f"{name}-2")
    page = call("ListAccounts", page_size=1)
    assert call("ListAccounts", page_size=1, page_token=page.next_page_token).accounts
    call("DeleteAccount", account_id=account_id)


def look_after_keys(call: Client) -> None:
    before = {key.key_id for key in call("ListKeys").keys}
    made = call("RotateKey", activate_immediately=True).key
    assert made.key_id not in before
    assert call("RevokeKey", key_id=min(before)).revision > 0


def call_the_rest(call: Client) -> None:
    """Whatever else the contract has must be served, if only to say what is missing."""
    for path, method in call.contract.methods.items():
        if path in call.called or method.server_streaming or method.client_streaming:
            continue
        try:
            call(method.name)
        except grpc.RpcError as error:
            assert error.code() not in _FAULTS, path


def refusal(call: Client, name: str, **fields: str) -> str:
    """Give the reason of a refusal, which the caller's own contract must know."""
    with pytest.raises(grpc.RpcError) as caught:
        call(name, **fields)
    told = reason(caught.value)
    assert f"ERROR_REASON_{told}" in call.contract.reasons
    return told


def test_p_api_2_no_method_of_the_last_release_is_gone(old: Contract) -> None:
    assert old.methods
    assert old.methods.keys() <= present().methods.keys()


def test_p_api_2_an_old_client_works_with_the_present_server(own: Service, old: Contract) -> None:
    live(Client(old, own.channel))


def test_p_api_2_a_present_client_works_with_an_old_server(own: Service, old: Contract) -> None:
    with standing_between(old, known_alone, own.address) as channel:
        call = Client(present(), channel)
        call.called |= call.contract.methods.keys() - old.methods.keys()  # are not there
        live(call)


def test_p_api_2_a_later_client_works_with_the_present_server_and_back(own: Service) -> None:
    """What it says and hears besides is unknown, in every message, and is ignored."""
    with standing_between(present(), with_later_fields, own.address) as channel:
        live(Client(present(), channel))


def test_p_api_2_the_client_library_works_with_a_later_server(service: Service) -> None:
    with standing_between(present(), with_later_fields, service.address) as channel:
        follow_and_verify(service, channel)


def test_p_api_2_the_client_library_works_with_an_old_server_or_refuses(
    service: Service, old: Contract
) -> None:
    with standing_between(old, known_alone, service.address) as channel:
        if any(path.endswith("/WatchRevocations") for path in old.methods):
            follow_and_verify(service, channel)
            return
        source = TokenSource(channel, login=_login(service, channel))
        with _verifier(channel) as verifier:
            with pytest.raises(StaleRevocations):
                verifier.wait_until_ready(timedelta(seconds=1))
            with pytest.raises(StaleRevocations):
                verifier.verify(source.token())


def follow_and_verify(service: Service, channel: grpc.Channel) -> None:
    """Get a token and verify it, until it is revoked."""
    source = TokenSource(channel, login=_login(service, channel))
    with _verifier(channel) as verifier:
        verifier.wait_until_ready(timedelta(seconds=20))
        claims = verifier.verify(source.token())
        Client(present(), channel)("RevokeToken", token=source.token())

        def is_refused() -> bool:
            try:
                verifier.verify(source.token())
            except TokenInactive:
                return True
            return False

        assert claims.session_id
        assert eventually(is_refused)


def _verifier(channel: grpc.Channel) -> Verifier:
    return Verifier(channel, issuer="https://authsvc.localhost", audience="authsvc")


def _login(service: Service, channel: grpc.Channel) -> Callable:
    username = service.register().account.username
    request = LoginRequest(identifier=username, password=PASSWORD)
    return lambda: AuthServiceStub(channel).Login(request).tokens
