"""Calling services with their keys, as tests need them."""

import secrets
from datetime import datetime
from typing import Any

from authsvc.domain.api_keys import ApiKey, hash_api_key, new_api_key, new_key_id
from authsvc.domain.identifiers import account_partition, new_service_account_id, new_session_id
from authsvc.domain.service_accounts import EVERYTHING, ServiceAccount, ServiceAccountState


def service_account(*, now: datetime, **fields: Any) -> ServiceAccount:
    """A service with a name of its own that may call everything for everybody, without scopes."""
    given: dict[str, Any] = {
        "service_account_id": new_service_account_id(),
        "name": f"s{secrets.token_hex(8)}",
        "scopes": (),
        "methods": (EVERYTHING,),
        "audiences": (EVERYTHING,),
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
