"""Second factors and recovery codes in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Row, delete, func, insert, select

from authsvc.domain.accounts import Account, EndTokens
from authsvc.domain.events import Event
from authsvc.domain.factors import Enrolled, Enrolment, Factor, FactorType
from authsvc.domain.identifiers import AccountId, FactorId
from authsvc.domain.revocation import Revocation
from authsvc.errors import FactorLimitReached, FactorNotFound
from authsvc.stores.sql.accounts import lock_account, raise_epoch_within
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import factors, recovery_codes, totp_enrolments
from authsvc.stores.sql.transactions import read


class SqlFactorStore:
    """A `FactorStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def list(self, account_id: AccountId) -> Sequence[Factor]:
        """Give the account's factors, oldest first."""
        columns = factors.c
        with read(self._engine) as connection:
            rows = connection.execute(
                select(factors)
                .where(columns.account_id == account_id)
                .order_by(columns.create_time, columns.factor_id)
            )
            return [_factor(row) for row in rows]

    def remove(
        self,
        account_id: AccountId,
        factor_id: FactorId,
        *,
        now: datetime,
        event: Event,
        expected_epoch: int,
        end_tokens: EndTokens,
    ) -> tuple[Account, Revocation]:
        """Take a factor away; see `FactorStore.remove`."""
        columns = factors.c

        def work(connection: Connection, report: Report) -> tuple[Account, Revocation]:
            row = lock_account(connection, account_id, expected_epoch=expected_epoch)
            this = (columns.factor_id == factor_id) & (columns.account_id == account_id)
            if connection.execute(delete(factors).where(this)).rowcount == 0:
                raise FactorNotFound(factor_id)
            is_left = _count(connection, account_id) > 0
            if not is_left:
                _replace_codes(connection, account_id, ())
            report(event)
            return raise_epoch_within(
                connection, row, end_tokens, now=now, has_second_factor=is_left
            )

        return self._outbox.write(work)

    def reset(
        self, account_id: AccountId, *, now: datetime, event: Event, end_tokens: EndTokens
    ) -> Revocation:
        """Take all factors away; see `FactorStore.reset`."""

        def work(connection: Connection, report: Report) -> Revocation:
            row = lock_account(connection, account_id)
            for table in (factors, totp_enrolments, recovery_codes):
                connection.execute(delete(table).where(table.c.account_id == account_id))
            _, revocation = raise_epoch_within(
                connection, row, end_tokens, now=now, has_second_factor=False
            )
            report(event)
            return revocation

        return self._outbox.write(work)

    def count_recovery_codes(self, account_id: AccountId) -> int:
        """Say how many recovery codes have not been used."""
        these = recovery_codes.c.account_id == account_id
        query = select(func.count()).select_from(recovery_codes).where(these)
        with read(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def replace_recovery_codes(
        self,
        account_id: AccountId,
        code_hashes: Sequence[bytes],
        *,
        event: Event,
        expected_epoch: int,
    ) -> None:
        """Put new recovery codes in the place of all others; see `FactorStore`."""

        def work(connection: Connection, report: Report) -> None:
            row = lock_account(connection, account_id, expected_epoch=expected_epoch)
            if not row.has_second_factor:
                message = "there is no factor that recovery codes could stand for"
                raise FactorNotFound(message)
            _replace_codes(connection, account_id, code_hashes)
            report(event)

        self._outbox.write(work)

    def spend_recovery_code(self, account_id: AccountId, code_hash: bytes, *, event: Event) -> bool:
        """Use a recovery code up; see `FactorStore.spend_recovery_code`."""
        columns = recovery_codes.c
        this = (columns.account_id == account_id) & (columns.code_hash == code_hash)

        def work(connection: Connection, report: Report) -> bool:
            if connection.execute(delete(recovery_codes).where(this)).rowcount != 1:
                return False
            report(event)
            return True

        return self._outbox.write(work)


def enrol_within(
    connection: Connection,
    report: Report,
    row: Row[Any],
    enrolment: Enrolment,
    keep_proof: Executable,
) -> Enrolled:
    """Add a factor to a locked account and raise its epoch, as part of a transaction; do it last.

    Args:
        connection: The transaction.
        report: Takes its events.
        row: The account's, locked.
        enrolment: What to add.
        keep_proof: Keeps what proves the factor.

    Raises:
        FactorLimitReached: The account has as many factors of the type as it may have.

    """
    factor = enrolment.factor
    if _count(connection, factor.account_id, factor.type) >= enrolment.limit:
        raise FactorLimitReached(factor.type.value)
    _insert(connection, factor)
    connection.execute(keep_proof)
    if not row.has_second_factor:
        _replace_codes(connection, factor.account_id, enrolment.recovery_code_hashes)
    account, revocation = raise_epoch_within(
        connection, row, enrolment.end_tokens, now=factor.create_time, has_second_factor=True
    )
    report(enrolment.event)
    return Enrolled(account, revocation, not row.has_second_factor)


def _insert(connection: Connection, factor: Factor) -> None:
    connection.execute(
        insert(factors).values(
            factor_id=factor.factor_id,
            account_id=factor.account_id,
            type=factor.type.value,
            display_name=factor.display_name,
            create_time=factor.create_time,
            last_use_time=factor.last_use_time,
        )
    )


def _count(connection: Connection, account_id: AccountId, kind: FactorType | None = None) -> int:
    columns = factors.c
    query = select(func.count()).select_from(factors).where(columns.account_id == account_id)
    if kind is not None:
        query = query.where(columns.type == kind.value)
    return int(connection.execute(query).scalar_one())


def _replace_codes(
    connection: Connection, account_id: AccountId, code_hashes: Sequence[bytes]
) -> None:
    connection.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
    if code_hashes:
        rows = [{"account_id": account_id, "code_hash": code_hash} for code_hash in code_hashes]
        connection.execute(insert(recovery_codes), rows)


def _factor(row: Row[Any]) -> Factor:
    return Factor(
        factor_id=FactorId(row.factor_id),
        account_id=AccountId(row.account_id),
        type=FactorType(row.type),
        display_name=row.display_name,
        create_time=row.create_time,
        last_use_time=row.last_use_time,
    )
