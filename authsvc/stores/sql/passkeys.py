"""Passkeys in SQL: public keys and counts, nothing that is secret."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from authsvc.domain.identifiers import AccountId
from authsvc.domain.passkeys import Passkey
from authsvc.stores.sql.schema import passkeys
from authsvc.stores.sql.transactions import read, write


class SqlPasskeyStore:
    """A `PasskeyStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, credential_id: bytes) -> Passkey | None:
        """Give the passkey that its authenticator calls so, or None."""
        query = select(passkeys).where(passkeys.c.credential_id == credential_id)
        with read(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _passkey(row)

    def list(self, account_id: AccountId) -> Sequence[Passkey]:
        """Give the passkeys of an account, oldest first."""
        query = (
            select(passkeys)
            .where(passkeys.c.account_id == account_id)
            .order_by(passkeys.c.create_time, passkeys.c.passkey_id)
        )
        with read(self._engine) as connection:
            return [_passkey(row) for row in connection.execute(query)]

    def use(self, passkey_id: str, *, sign_count: int, backed_up: bool, now: datetime) -> bool:
        """Note a use if the count allows it, in one statement; see `PasskeyStore.use`."""
        # A count that stays 0 is no count (WebAuthn Level 3, 6.1.1).
        grows = passkeys.c.sign_count < sign_count
        allowed = passkeys.c.sign_count == 0 if sign_count == 0 else grows
        statement = (
            update(passkeys)
            .where(passkeys.c.passkey_id == passkey_id, allowed)
            .values(sign_count=sign_count, backed_up=backed_up, last_use_time=now)
        )
        return write(self._engine, lambda connection: connection.execute(statement).rowcount == 1)


def insert_within(connection: Connection, passkey: Passkey) -> None:
    """Keep a new passkey in the transaction of the change that it is part of."""
    connection.execute(
        insert(passkeys).values(
            passkey_id=passkey.passkey_id,
            account_id=passkey.account_id,
            name=passkey.name,
            credential_id=passkey.credential_id,
            user_handle=passkey.user_handle,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            aaguid=passkey.aaguid,
            transports=passkey.transports,
            backup_eligible=passkey.backup_eligible,
            backed_up=passkey.backed_up,
            create_time=passkey.create_time,
            last_use_time=passkey.last_use_time,
        )
    )


def _passkey(row: Row[Any]) -> Passkey:
    return Passkey(
        passkey_id=row.passkey_id,
        account_id=AccountId(row.account_id),
        name=row.name,
        credential_id=row.credential_id,
        user_handle=row.user_handle,
        public_key=row.public_key,
        sign_count=row.sign_count,
        aaguid=row.aaguid,
        transports=tuple(row.transports),
        backup_eligible=row.backup_eligible,
        backed_up=row.backed_up,
        create_time=row.create_time,
        last_use_time=row.last_use_time,
    )
