"""Signing keys in SQL, their private parts sealed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from authsvc.domain.events import Event
from authsvc.domain.identifiers import KeyId
from authsvc.domain.revocation import Revocation
from authsvc.domain.signing_keys import SigningKey
from authsvc.errors import KeyNotFound
from authsvc.stores.sql.journal import append_within, lock_head
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import signing_keys
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.settings import renew_fence
from authsvc.stores.sql.transactions import read, write
from authsvc.verify.revocations import RevocationKind


class SqlKeyStore:
    """A `KeyStore`."""

    def __init__(self, engine: Engine, outbox: Outbox, sealer: Sealer) -> None:
        self._engine = engine
        self._outbox = outbox
        self._sealer = sealer

    def list(self) -> Sequence[SigningKey]:
        """Give all keys, oldest first; see `kept_keys`."""
        return kept_keys(self._engine, self._sealer)

    def add(self, key: SigningKey, *, newest: KeyId | None, event: Event) -> bool:
        """Keep a new key, if the newest one still is the given one; see `KeyStore.add`."""
        values = self._values(key)

        def work(connection: Connection, report: Report) -> bool:
            # Keys are added rarely: the journal's head is lock enough, also for an empty table.
            lock_head(connection)
            if _newest(connection) != newest:
                return False
            connection.execute(insert(signing_keys).values(values))
            report(event)
            return True

        return self._outbox.write(work)

    def revoke(
        self,
        key_id: KeyId,
        *,
        reason: str,
        now: datetime,
        remember_until: datetime,
        event: Event,
    ) -> Revocation:
        """Mark a key, journal that and change the fence, atomically; see `KeyStore.revoke`.

        The first revocation's time stays when a key is revoked again.
        """
        this = signing_keys.c.key_id == key_id

        def work(connection: Connection, report: Report) -> Revocation:
            key = connection.execute(
                select(signing_keys.c.revoke_time).where(this).with_for_update()
            ).first()
            if key is None:
                message = "there is no such signing key"
                raise KeyNotFound(message)
            if key.revoke_time is None:
                connection.execute(update(signing_keys).where(this).values(revoke_time=now))
            renew_fence(connection)
            (revocation,) = append_within(
                connection,
                RevocationKind.KEY,
                [key_id],
                reason=reason,
                now=now,
                remember_until=remember_until,
            )
            report(event)
            return revocation

        return self._outbox.write(work)

    def remove(self, key_ids: Sequence[KeyId]) -> None:
        """Forget keys."""
        these = signing_keys.c.key_id.in_(key_ids)
        write(
            self._engine, lambda connection: connection.execute(delete(signing_keys).where(these))
        )

    def _values(self, key: SigningKey) -> dict[str, Any]:
        return {
            "key_id": key.key_id,
            "algorithm": key.algorithm,
            "sealed_private_key": self._sealer.seal(key.private_key, _purpose(key.key_id)),
            "public_jwk": key.public_jwk,
            "create_time": key.create_time,
            "activate_time": key.activate_time,
            "revoke_time": key.revoke_time,
        }


def kept_keys(engine: Engine, sealer: Sealer) -> Sequence[SigningKey]:
    """Give all keys, oldest first (by `activate_time`).

    Raises:
        StoreUnavailable: The database does not answer.
        WrongMasterKey: A key was sealed under another master key.
        SealBroken: A key was damaged.

    """
    columns = signing_keys.c
    with read(engine) as connection:
        rows = connection.execute(
            select(signing_keys).order_by(columns.activate_time, columns.key_id)
        ).all()
    return [_key(row, sealer) for row in rows]


def _key(row: Row[Any], sealer: Sealer) -> SigningKey:
    return SigningKey(
        key_id=KeyId(row.key_id),
        algorithm=row.algorithm,
        private_key=sealer.open(row.sealed_private_key, _purpose(row.key_id)),
        public_jwk=row.public_jwk,
        create_time=row.create_time,
        activate_time=row.activate_time,
        revoke_time=row.revoke_time,
    )


def _newest(connection: Connection) -> KeyId | None:
    columns = signing_keys.c
    return connection.scalars(
        select(columns.key_id)
        .order_by(columns.activate_time.desc(), columns.key_id.desc())
        .limit(1)
    ).first()


def _purpose(key_id: str) -> str:
    """Bind a sealed key to its row."""
    return f"signing-key:{key_id}"
