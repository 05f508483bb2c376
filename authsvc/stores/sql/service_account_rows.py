"""Service accounts as rows: what stands in which column."""

from typing import Any

from sqlalchemy import Row

from authsvc.domain.service_accounts import (
    ServiceAccount,
    ServiceAccountChange,
    ServiceAccountState,
)


def service_account_values(account: ServiceAccount) -> dict[str, Any]:
    """Give the columns of a new service account."""
    return {
        "name": account.name,
        "service_account_id": account.service_account_id,
        "scopes": account.scopes,
        "methods": account.methods,
        "audiences": account.audiences,
        "own_audiences": account.own_audiences,
        "public_keys": account.public_keys,
        "disabled": account.state is ServiceAccountState.DISABLED,
        "epoch": account.epoch,
        "create_time": account.create_time,
        "update_time": account.update_time,
    }


def changed_values(change: ServiceAccountChange) -> dict[str, Any]:
    """Give the columns that a change touches."""
    named = {
        "scopes": change.scopes,
        "methods": change.methods,
        "audiences": change.audiences,
        "own_audiences": change.own_audiences,
        "public_keys": change.public_keys,
        "disabled": None if change.state is None else change.state is ServiceAccountState.DISABLED,
    }
    return {name: value for name, value in named.items() if value is not None}


def service_account_from(row: Row[Any], names: tuple[str, ...]) -> ServiceAccount:
    """Read a row, with the names in certificates that belong to it."""
    return ServiceAccount(
        service_account_id=row.service_account_id,
        name=row.name,
        scopes=tuple(row.scopes),
        methods=tuple(row.methods),
        audiences=tuple(row.audiences),
        own_audiences=tuple(row.own_audiences),
        certificate_names=names,
        public_keys=tuple(row.public_keys),
        state=ServiceAccountState.DISABLED if row.disabled else ServiceAccountState.ACTIVE,
        epoch=row.epoch,
        create_time=row.create_time,
        update_time=row.update_time,
    )
