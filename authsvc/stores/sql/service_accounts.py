"""Service accounts and their API keys in SQL. Of a key only its hash is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from authsvc.domain.callers import ApiKey, ServiceAccount, ServiceAccountState
from authsvc.stores.sql.schema import api_keys, service_accounts
from authsvc.stores.sql.transactions import read, write


class SqlServiceAccountStore:
    """A `ServiceAccountStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, service_account: ServiceAccount) -> bool:
        """Keep a new service account; False if the name is taken."""

        def work(connection: Connection) -> bool:
            try:
                connection.execute(
                    insert(service_accounts).values(
                        name=service_account.name,
                        scopes=service_account.scopes,
                        disabled=service_account.state is ServiceAccountState.DISABLED,
                        create_time=service_account.create_time,
                    )
                )
            except IntegrityError:
                connection.rollback()
                return False
            return True

        return write(self._engine, work)

    def find(self, name: str) -> ServiceAccount | None:
        """Give the service account, or None."""
        query = select(service_accounts).where(service_accounts.c.name == name)
        with read(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _service_account(row)

    def list(self) -> Sequence[ServiceAccount]:
        """Give all service accounts, by name."""
        query = select(service_accounts).order_by(service_accounts.c.name)
        with read(self._engine) as connection:
            return [_service_account(row) for row in connection.execute(query)]

    def add_key(self, key: ApiKey) -> bool:
        """Keep a new key; False if there is no such service account."""
        owner = select(service_accounts.c.name).where(
            service_accounts.c.name == key.service_account
        )

        def work(connection: Connection) -> bool:
            if connection.execute(owner.with_for_update()).first() is None:
                return False
            connection.execute(
                insert(api_keys).values(
                    key_id=key.key_id,
                    service_account=key.service_account,
                    secret_hash=key.secret_hash,
                    create_time=key.create_time,
                    expire_time=key.expire_time,
                    revoke_time=key.revoke_time,
                )
            )
            return True

        return write(self._engine, work)

    def list_keys(self, service_account: str) -> Sequence[ApiKey]:
        """Give the keys of a service account, oldest first, also those that have ended."""
        query = (
            select(api_keys)
            .where(api_keys.c.service_account == service_account)
            .order_by(api_keys.c.create_time, api_keys.c.key_id)
        )
        with read(self._engine) as connection:
            return [_api_key(row) for row in connection.execute(query)]

    def revoke_key(self, key_id: str, *, now: datetime) -> bool:
        """End a key; False if there is none. The first revocation's time stays."""
        this = api_keys.c.key_id == key_id

        def work(connection: Connection) -> bool:
            connection.execute(
                update(api_keys)
                .where(this, api_keys.c.revoke_time.is_(None))
                .values(revoke_time=now)
            )
            return connection.execute(select(api_keys.c.key_id).where(this)).first() is not None

        return write(self._engine, work)

    def find_by_secret_hash(self, secret_hash: bytes) -> tuple[ServiceAccount, ApiKey] | None:
        """Give the key of a hash with its owner, or None; whether they may act is not judged."""
        key_query = select(api_keys).where(api_keys.c.secret_hash == secret_hash)
        with read(self._engine) as connection:
            key = connection.execute(key_query).first()
            if key is None:
                return None
            owner = connection.execute(
                select(service_accounts).where(service_accounts.c.name == key.service_account)
            ).first()
        return None if owner is None else (_service_account(owner), _api_key(key))


def _service_account(row: Row[Any]) -> ServiceAccount:
    return ServiceAccount(
        name=row.name,
        scopes=tuple(row.scopes),
        state=ServiceAccountState.DISABLED if row.disabled else ServiceAccountState.ACTIVE,
        create_time=row.create_time,
    )


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        service_account=row.service_account,
        secret_hash=row.secret_hash,
        create_time=row.create_time,
        expire_time=row.expire_time,
        revoke_time=row.revoke_time,
    )
