"""Passkeys in SQL: public keys and counts, nothing that is secret."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from authsvc.domain.events import Event
from authsvc.domain.factors import Enrolled, Enrolment
from authsvc.domain.identifiers import AccountId, FactorId
from authsvc.domain.passkeys import Passkey
from authsvc.errors import InvalidFactor
from authsvc.stores.sql.accounts import lock_account
from authsvc.stores.sql.factors import enrol_within
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import factors, passkeys
from authsvc.stores.sql.transactions import read


class SqlPasskeyStore:
    """A `PasskeyStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def enrol(self, enrolment: Enrolment, passkey: Passkey) -> Enrolled:
        """Make a passkey a factor; see `PasskeyStore.enrol`."""
        keep = insert(passkeys).values(
            factor_id=passkey.factor_id,
            credential_id=passkey.credential_id,
            user_handle=passkey.user_handle,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            aaguid=passkey.aaguid,
            transports=passkey.transports,
            backup_eligible=passkey.backup_eligible,
            backed_up=passkey.backed_up,
        )

        def work(connection: Connection, report: Report) -> Enrolled:
            row = lock_account(
                connection, passkey.account_id, expected_epoch=enrolment.expected_epoch
            )
            with _unique_credential():
                return enrol_within(connection, report, row, enrolment, keep)

        return self._outbox.write(work)

    def find(self, credential_id: bytes) -> Passkey | None:
        """Give the passkey that its authenticator calls so, or None."""
        query = _passkeys().where(passkeys.c.credential_id == credential_id)
        with read(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _passkey(row)

    def list(self, account_id: AccountId) -> Sequence[Passkey]:
        """Give the passkeys of an account, oldest first."""
        query = (
            _passkeys()
            .where(factors.c.account_id == account_id)
            .order_by(factors.c.create_time, factors.c.factor_id)
        )
        with read(self._engine) as connection:
            return [_passkey(row) for row in connection.execute(query)]

    def use(
        self,
        factor_id: FactorId,
        *,
        sign_count: int,
        backed_up: bool,
        now: datetime,
        event: Event | None,
    ) -> bool:
        """Note a use if the count allows it; see `PasskeyStore.use`."""
        columns = passkeys.c
        # A count that stays 0 is no count (WebAuthn Level 3, 6.1.1).
        grows = columns.sign_count < sign_count if sign_count else columns.sign_count == 0
        counted = (
            update(passkeys)
            .where(columns.factor_id == factor_id, grows)
            .values(sign_count=sign_count, backed_up=backed_up)
        )

        def work(connection: Connection, report: Report) -> bool:
            if connection.execute(counted).rowcount == 0:
                return False
            this = factors.c.factor_id == factor_id
            connection.execute(update(factors).where(this).values(last_use_time=now))
            if event is not None:
                report(event)
            return True

        return self._outbox.write(work)


def _passkeys() -> Select[Any]:
    return select(passkeys, factors.c.account_id).join(
        factors, factors.c.factor_id == passkeys.c.factor_id
    )


@contextmanager
def _unique_credential() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        # Every engine names the constraint or its column.
        if "credential_id" in str(error.orig):
            message = "the credential is a passkey already"
            raise InvalidFactor(message) from None
        raise


def _passkey(row: Row[Any]) -> Passkey:
    return Passkey(
        factor_id=FactorId(row.factor_id),
        account_id=AccountId(row.account_id),
        credential_id=row.credential_id,
        user_handle=row.user_handle,
        public_key=row.public_key,
        sign_count=row.sign_count,
        aaguid=row.aaguid,
        transports=tuple(row.transports),
        backup_eligible=row.backup_eligible,
        backed_up=row.backed_up,
    )
