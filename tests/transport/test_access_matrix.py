"""Every method against every kind of caller, as the contract's options say (P-INT-1).

The caller is judged before the request (AIP-211): bytes that are no message are an
INVALID_REQUEST to whoever is admitted, whatever the method, and nothing happens.
"""

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from authn.v1.access_pb2 import Access, AccessLevel

from authsvc.domain.service_accounts import ServiceAccountState
from tests.callers import service_token
from tests.service import PASSWORD, Service, bearer
from tests.transport.calls import (
    METHODS,
    by_key,
    issue_api_key,
    outcome,
    path_of,
    request_of,
    rule,
    send,
)

Metadata = tuple[tuple[str, str], ...]
NO_MESSAGE = b"\xff"
ADMITTED = "INVALID_REQUEST"
EVERY_SCOPE = sorted({rule(method).scope for method in METHODS.values()} - {""})


class Role(NamedTuple):
    """A kind of caller: how it proves itself for a method, and what it then is."""

    metadata: Callable[[Service, str], Metadata]
    is_service: bool = False
    is_account: bool = False
    has_scopes: bool = False
    refusal: str = ""
    """Of whatever it calls; empty if that depends."""


def _key(service: Service, *scopes: str, **fields: Any) -> Metadata:
    return by_key(issue_api_key(service, *scopes, **fields)[0])


def _token(service: Service, *scopes: str) -> Metadata:
    return bearer(service_token(service, _key(service, *scopes), scopes=scopes).access_token)


def _person(service: Service, *scopes: str) -> Metadata:
    by = _key(service, "authsvc.accounts.write")
    name = {"username": f"m{secrets.token_hex(8)}"}
    new = request_of("CreateAccount", **name, password=PASSWORD, roles=["authsvc.admin"])
    send(service.channel, "CreateAccount", new, metadata=by)
    login = request_of("Login", identifier=name["username"], password=PASSWORD, scopes=scopes)
    answer = send(service.channel, "Login", login, metadata=by)
    return bearer(answer.tokens.access_token)


def _only(method: str) -> tuple[str, ...]:
    return (path_of(method)[1:],)


def _all_but(method: str) -> tuple[str, ...]:
    return tuple(path_of(name)[1:] for name in METHODS if name != method)


ROLES = {
    "nobody": Role(lambda _s, _m: ()),
    "a key that is none": Role(lambda _s, _m: by_key("ask_x"), refusal="CALLER_UNAUTHENTICATED"),
    "a disabled service": Role(
        lambda s, _m: _key(s, *EVERY_SCOPE, state=ServiceAccountState.DISABLED),
        refusal="CALLER_UNAUTHENTICATED",
    ),
    "a service without scopes": Role(lambda s, _m: _key(s), is_service=True),
    "a service with every scope": Role(
        lambda s, _m: _key(s, *EVERY_SCOPE), is_service=True, has_scopes=True
    ),
    "a service with a list of this method": Role(
        lambda s, m: _key(s, *EVERY_SCOPE, methods=_only(m)), is_service=True, has_scopes=True
    ),
    "a service with a list of all but this method": Role(
        lambda s, m: _key(s, *EVERY_SCOPE, methods=_all_but(m)), refusal="ACCESS_DENIED"
    ),
    "a service's token without scopes": Role(lambda s, _m: _token(s), is_service=True),
    "a service's token with every scope": Role(
        lambda s, _m: _token(s, *EVERY_SCOPE), is_service=True, has_scopes=True
    ),
    "an account": Role(lambda s, _m: _person(s), is_account=True),
    "an administrator": Role(
        lambda s, _m: _person(s, *EVERY_SCOPE), is_account=True, has_scopes=True
    ),
    "an account by way of a service": Role(
        lambda s, _m: _key(s) + _person(s), is_service=True, is_account=True
    ),
}


def expected(role: Role, option: Access, *, caller_required: bool) -> str:
    """What the contract says of a call."""
    if role.refusal:
        return role.refusal
    if caller_required and not role.is_service:
        return "CALLER_UNAUTHENTICATED"
    has_scope = role.has_scopes and bool(option.scope)
    match option.level:
        case AccessLevel.ACCESS_LEVEL_ACCOUNT:
            return ADMITTED if role.is_account or has_scope else "TOKEN_REQUIRED"
        case AccessLevel.ACCESS_LEVEL_SERVICE if not role.is_service:
            return "CALLER_UNAUTHENTICATED"
        case AccessLevel.ACCESS_LEVEL_ADMIN if not (role.is_service or role.is_account):
            return "CALLER_UNAUTHENTICATED"
        case AccessLevel.ACCESS_LEVEL_SERVICE | AccessLevel.ACCESS_LEVEL_ADMIN:
            return ADMITTED if has_scope else "ACCESS_DENIED"
    return ADMITTED


def answers(service: Service, role: str) -> dict[str, str]:
    """What becomes of a call of each method."""
    kind = ROLES[role]
    shared = () if "this method" in role else kind.metadata(service, "GetJwks")
    return {
        name: outcome(
            lambda name=name: send(
                service.channel,
                name,
                NO_MESSAGE,
                metadata=shared or kind.metadata(service, name),
            )
        )
        for name in METHODS
    }


@pytest.mark.parametrize("role", ROLES)
def test_p_int_1_each_caller_is_admitted_to_each_method_as_the_contract_says(
    role: str, production: Service, open_service: Service
) -> None:
    for service, caller_required in ((production, True), (open_service, False)):
        assert answers(service, role) == {
            name: expected(ROLES[role], rule(method), caller_required=caller_required)
            for name, method in METHODS.items()
        }


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_loopback_peer_of_dev_mode_is_a_service_with_every_scope(
    name: str, service: Service
) -> None:
    role = Role(lambda _s, _m: (), is_service=True, has_scopes=True)
    answer = outcome(lambda: send(service.channel, name, NO_MESSAGE))
    assert answer == expected(role, rule(METHODS[name]), caller_required=True)
