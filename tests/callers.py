"""Calling services with their keys, as tests need them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authn.v1.service_account_service_pb2 import (
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    CreateServiceAccountRequest,
)
from authn.v1.token_service_pb2 import IssueServiceTokenRequest, IssueServiceTokenResponse

from authsvc.domain.api_keys import ApiKey, hash_api_key, new_api_key, new_key_id
from authsvc.domain.identifiers import account_partition, new_service_account_id, new_session_id
from authsvc.domain.service_accounts import EVERYTHING, ServiceAccount, ServiceAccountState
from tests.service import Service


def service_account(*, now: datetime, **fields: Any) -> ServiceAccount:
    """A service with a name of its own that may call everything for everybody, without scopes."""
    given: dict[str, Any] = {
        "service_account_id": new_service_account_id(),
        "name": f"s{secrets.token_hex(8)}",
        "scopes": (),
        "methods": (EVERYTHING,),
        "audiences": (EVERYTHING,),
        "own_audiences": (),
        "certificate_names": (),
        "public_keys": (),
        "state": ServiceAccountState.ACTIVE,
        "epoch": 0,
        "create_time": now,
        "update_time": now,
    }
    return ServiceAccount(**(given | fields))


def key_of(account: ServiceAccount, *, now: datetime, **fields: Any) -> tuple[str, ApiKey]:
    """A key of a service that may do all that the service may, and what is kept of it."""
    text = new_api_key()
    given: dict[str, Any] = {
        "key_id": new_key_id(),
        "service_account": account.name,
        "session_id": new_session_id(account_partition(account.service_account_id)),
        "display_name": "",
        "scopes": (EVERYTHING,),
        "secret_hash": hash_api_key(text),
        "create_time": now,
        "expire_time": None,
        "revoke_time": None,
        "last_use_time": None,
    }
    return text, ApiKey(**(given | fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A calling service that was made over gRPC, with one key."""

    name: str
    subject: str
    api_key: str
    key_id: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """By which it proves itself."""
        return (("x-authsvc-api-key", self.api_key),)


def make_caller(
    service: Service, *scopes: str, key_scopes: Sequence[str] = (EVERYTHING,), **fields: Any
) -> Caller:
    """Make a service that may call everything for everybody, and a key of it, in dev mode."""
    given = {
        "name": f"s{secrets.token_hex(8)}",
        "scopes": scopes,
        "methods": [EVERYTHING],
        "audiences": [EVERYTHING],
        **fields,
    }
    request = CreateServiceAccountRequest(**given)
    made = service.service_account.CreateServiceAccount(request).service_account
    key = add_key(service, made.name, scopes=key_scopes)
    return Caller(
        name=made.name,
        subject=made.service_account_id,
        api_key=key.api_key,
        key_id=key.key.key_id,
    )


def add_key(service: Service, name: str, **fields: Any) -> CreateApiKeyResponse:
    """Make another key of a service, in dev mode."""
    given = {"ttl": timedelta(days=1), "scopes": [EVERYTHING], **fields}
    request = CreateApiKeyRequest(service_account=name, **given)
    return service.service_account.CreateApiKey(request)


def service_token(
    service: Service, metadata: Sequence[tuple[str, str]] = (), **fields: Any
) -> IssueServiceTokenResponse:
    """Get a service its own token."""
    return service.token.IssueServiceToken(
        IssueServiceTokenRequest(**fields), metadata=tuple(metadata)
    )
