"""Authenticator apps in SQL, their seeds sealed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from authsvc.domain.events import Event
from authsvc.domain.factors import Enrolled, Enrolment
from authsvc.domain.identifiers import AccountId, FactorId
from authsvc.domain.totp import PendingTotp, TotpSecret
from authsvc.errors import FactorNotFound
from authsvc.stores.sql.accounts import lock_account
from authsvc.stores.sql.factors import enrol_within
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import factors, totp_enrolments, totp_secrets
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.transactions import read, write


class SqlTotpStore:
    """A `TotpStore`."""

    def __init__(self, engine: Engine, outbox: Outbox, sealer: Sealer) -> None:
        self._engine = engine
        self._outbox = outbox
        self._sealer = sealer

    def begin(self, pending: PendingTotp, *, event: Event) -> None:
        """Keep an app that is to be confirmed; see `TotpStore.begin`."""
        values = {
            "account_id": pending.account_id,
            "factor_id": pending.factor_id,
            "display_name": pending.display_name,
            "sealed_seed": self._sealer.seal(pending.seed, _purpose(pending.factor_id)),
            "epoch": pending.epoch,
            "expire_time": pending.expire_time,
        }
        of_account = totp_enrolments.c.account_id == pending.account_id

        def work(connection: Connection, report: Report) -> None:
            lock_account(connection, pending.account_id, expected_epoch=pending.epoch)
            connection.execute(delete(totp_enrolments).where(of_account))
            connection.execute(insert(totp_enrolments).values(values))
            report(event)

        self._outbox.write(work)

    def find_pending(self, account_id: AccountId, factor_id: FactorId) -> PendingTotp | None:
        """Give an app that is to be confirmed, be it in time or late, or None."""
        with read(self._engine) as connection:
            row = connection.execute(
                select(totp_enrolments).where(_is_pending(account_id, factor_id))
            ).first()
        return None if row is None else self._pending(row)

    def enrol(self, enrolment: Enrolment, pending: PendingTotp, *, step: int) -> Enrolled:
        """Make a pending app a factor; see `TotpStore.enrol`."""
        account_id, factor_id = pending.account_id, pending.factor_id
        secret = {
            "factor_id": factor_id,
            "sealed_seed": self._sealer.seal(pending.seed, _purpose(factor_id)),
            "last_step": step,
        }

        def work(connection: Connection, report: Report) -> Enrolled:
            row = lock_account(connection, account_id, expected_epoch=enrolment.expected_epoch)
            ended = delete(totp_enrolments).where(_is_pending(account_id, factor_id))
            if connection.execute(ended).rowcount == 0:
                raise FactorNotFound(factor_id)
            keep_proof = insert(totp_secrets).values(secret)
            return enrol_within(connection, report, row, enrolment, keep_proof)

        return self._outbox.write(work)

    def secrets(self, account_id: AccountId) -> Sequence[TotpSecret]:
        """Give the secrets of the account's apps, oldest first."""
        query = (
            select(totp_secrets)
            .join(factors, factors.c.factor_id == totp_secrets.c.factor_id)
            .where(factors.c.account_id == account_id)
            .order_by(factors.c.create_time, factors.c.factor_id)
        )
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
        return [TotpSecret(FactorId(row.factor_id), self._seed(row), row.last_step) for row in rows]

    def use(self, factor_id: FactorId, *, step: int, now: datetime, event: Event) -> bool:
        """Move the last step forward; see `TotpStore.use`."""
        columns = totp_secrets.c
        is_new = (columns.factor_id == factor_id) & (columns.last_step < step)

        def work(connection: Connection, report: Report) -> bool:
            moved = connection.execute(update(totp_secrets).where(is_new).values(last_step=step))
            if moved.rowcount == 0:
                return False
            this = factors.c.factor_id == factor_id
            connection.execute(update(factors).where(this).values(last_use_time=now))
            report(event)
            return True

        return self._outbox.write(work)

    def purge(self, now: datetime) -> None:
        """Forget apps that were not confirmed in time."""
        late = delete(totp_enrolments).where(totp_enrolments.c.expire_time <= now)
        write(self._engine, lambda connection: connection.execute(late))

    def _pending(self, row: Row[Any]) -> PendingTotp:
        return PendingTotp(
            factor_id=FactorId(row.factor_id),
            account_id=AccountId(row.account_id),
            display_name=row.display_name,
            seed=self._seed(row),
            epoch=row.epoch,
            expire_time=row.expire_time,
        )

    def _seed(self, row: Row[Any]) -> bytes:
        return self._sealer.open(row.sealed_seed, _purpose(row.factor_id))


def _is_pending(account_id: AccountId, factor_id: FactorId) -> Any:
    columns = totp_enrolments.c
    return (columns.account_id == account_id) & (columns.factor_id == factor_id)


def _purpose(factor_id: str) -> str:
    """Bind a sealed seed to its factor."""
    return f"totp-seed:{factor_id}"
