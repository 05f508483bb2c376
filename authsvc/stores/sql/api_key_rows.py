"""Between API keys and their rows. Of a key's secret only its hash is kept."""

from typing import Any

from sqlalchemy import Row

from authsvc.domain.api_keys import ApiKey


def api_key_values(key: ApiKey) -> dict[str, Any]:
    """Give the columns of a key."""
    return {
        "key_id": key.key_id,
        "service_account": key.service_account,
        "session_id": key.session_id,
        "display_name": key.display_name,
        "scopes": key.scopes,
        "secret_hash": key.secret_hash,
        "create_time": key.create_time,
        "expire_time": key.expire_time,
        "revoke_time": key.revoke_time,
        "last_use_time": key.last_use_time,
    }


def api_key_from(row: Row[Any]) -> ApiKey:
    """Read a key."""
    return ApiKey(
        key_id=row.key_id,
        service_account=row.service_account,
        session_id=row.session_id,
        display_name=row.display_name,
        scopes=tuple(row.scopes),
        secret_hash=row.secret_hash,
        create_time=row.create_time,
        expire_time=row.expire_time,
        revoke_time=row.revoke_time,
        last_use_time=row.last_use_time,
    )
