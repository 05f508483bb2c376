"""Services that exchange tokens, as tests need them."""

import json
from base64 import urlsafe_b64decode
from typing import Any

from authn.v1.token_pb2 import TokenClaims
from authn.v1.token_service_pb2 import (
    ExchangeTokenRequest,
    ExchangeTokenResponse,
    VerifyTokenRequest,
)

from tests.callers import Caller, make_caller
from tests.service import Service

EXCHANGE = "authsvc.tokens.exchange"
SCOPES = ("orders.read", "orders.write", "stock.read")


def passing_on(service: Service, *scopes: str, **fields: Any) -> Caller:
    """Make a service that may exchange tokens."""
    own = {"own_audiences": ["authsvc", "stock"]}
    return make_caller(service, EXCHANGE, *(scopes or SCOPES), **(own | fields))


def exchange(service: Service, by: Caller, token: str, **fields: Any) -> ExchangeTokenResponse:
    """Exchange a token."""
    request = ExchangeTokenRequest(subject_token=token, **fields)
    return service.token.ExchangeToken(request, metadata=by.metadata)


def exchanged(service: Service, by: Caller, token: str, **fields: Any) -> str:
    """Exchange a token, and give the new one."""
    return exchange(service, by, token, **fields).access_token


def person(service: Service, **fields: Any) -> str:
    """Give the token of a person."""
    return service.register(**{"scopes": SCOPES, **fields}).tokens.access_token


def claims_of(service: Service, token: str, audience: str = "") -> TokenClaims:
    """Give what an active token says."""
    request = VerifyTokenRequest(access_token=token, audience=audience)
    return service.token.VerifyToken(request).claims


def payload(token: str) -> dict[str, Any]:
    """Read a token without a check."""
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))  # type: ignore[no-any-return]
