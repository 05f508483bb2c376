"""One-time codes in SQL."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from authsvc.domain.events import Event
from authsvc.domain.identifiers import AccountId
from authsvc.domain.one_time_codes import GuessLimit, KeptCode
from authsvc.errors import InvalidCode, TooManyAttempts
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import one_time_codes
from authsvc.stores.sql.transactions import read, write

_BATCH = 500


class SqlOneTimeCodeStore:
    """A `OneTimeCodeStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def keep(self, code: KeptCode, *, now: datetime, event: Event, limit: GuessLimit) -> None:
        """Keep a code in the place of its holder's last one; see `OneTimeCodeStore.keep`."""

        def work(connection: Connection, report: Report) -> None:
            rows = _lock(connection, [code.holder])
            if rows:
                _replace(connection, rows[0], code, now, limit)
            else:
                first = {"wrong_guesses": 0, "guesses_end_time": None}
                connection.execute(insert(one_time_codes).values(_values(code) | first))
            report(event)

        self._outbox.write_what_is_missing(work)

    def guess(
        self, hashes: Mapping[bytes, bytes], *, now: datetime, limit: GuessLimit
    ) -> KeptCode | None:
        """Give the code of a right guess, or count a wrong one; see `OneTimeCodeStore.guess`."""

        def work(connection: Connection) -> KeptCode | None:
            live = [
                row
                for row in _lock(connection, list(hashes))
                if row.is_guessable and row.expire_time > now
            ]
            for row in live:
                if hmac.compare_digest(row.code_hash, hashes[row.holder]):
                    return _code(row)
            for row in live:
                _count(connection, row, now, limit)
            return None

        return write(self._engine, work)

    def find(self, code_hash: bytes, *, now: datetime) -> KeptCode | None:
        """Give the live code of this hash, or None."""
        columns = one_time_codes.c
        query = select(one_time_codes).where(
            columns.code_hash == code_hash, columns.expire_time > now
        )
        with read(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _code(row)

    def purge(self, before: datetime) -> int:
        """Forget the codes that ended before a moment, and the guesses at them."""
        purged = 0
        while batch := write(self._engine, lambda connection: _purge_batch(connection, before)):
            purged += batch
        return purged


def use_up_within(
    connection: Connection, account_id: AccountId, code_hash: bytes, now: datetime
) -> None:
    """Use up a live code of an account as part of a transaction.

    Raises:
        InvalidCode: It is used, void or past its end.

    """
    columns = one_time_codes.c
    used = connection.execute(
        delete(one_time_codes).where(
            columns.code_hash == code_hash,
            columns.account_id == account_id,
            columns.expire_time > now,
        )
    )
    if used.rowcount != 1:
        message = "the code was used or voided meanwhile"
        raise InvalidCode(message)


def void_within(connection: Connection, account_id: AccountId) -> None:
    """Forget the codes of an account as part of a transaction."""
    connection.execute(delete(one_time_codes).where(one_time_codes.c.account_id == account_id))


def _lock(connection: Connection, holders: Sequence[bytes]) -> Sequence[Row[Any]]:
    columns = one_time_codes.c
    return connection.execute(
        select(one_time_codes)
        .where(columns.holder.in_(holders))
        .order_by(columns.holder)  # so that no two wait for each other
        .with_for_update()
    ).all()


def _replace(
    connection: Connection, row: Row[Any], code: KeptCode, now: datetime, limit: GuessLimit
) -> None:
    if code.is_guessable and _guesses(row, now) >= limit.guesses:
        raise TooManyAttempts("code-guesses", retry_after=row.guesses_end_time - now)
    this = one_time_codes.c.holder == code.holder
    connection.execute(update(one_time_codes).where(this).values(_values(code)))


def _guesses(row: Row[Any], now: datetime) -> int:
    """How many wrong guesses count at present."""
    is_counting = row.guesses_end_time is not None and row.guesses_end_time > now
    return int(row.wrong_guesses) if is_counting else 0


def _count(connection: Connection, row: Row[Any], now: datetime, limit: GuessLimit) -> None:
    before = _guesses(row, now)
    values = {
        "wrong_guesses": before + 1,
        "guesses_end_time": row.guesses_end_time if before else now + limit.window,
    }
    if before + 1 >= limit.guesses:
        values["expire_time"] = now
    this = one_time_codes.c.holder == row.holder
    connection.execute(update(one_time_codes).where(this).values(values))


def _purge_batch(connection: Connection, before: datetime) -> int:
    columns = one_time_codes.c
    holders = connection.scalars(
        select(columns.holder).where(columns.expire_time < before).limit(_BATCH)
    ).all()
    ended = (columns.holder.in_(holders), columns.expire_time < before)
    return connection.execute(delete(one_time_codes).where(*ended)).rowcount if holders else 0


def _values(code: KeptCode) -> dict[str, Any]:
    return {
        "holder": code.holder,
        "code_hash": code.code_hash,
        "is_guessable": code.is_guessable,
        "account_id": code.account_id,
        "epoch": code.epoch,
        "address": code.address,
        "expire_time": code.expire_time,
    }


def _code(row: Row[Any]) -> KeptCode:
    return KeptCode(
        holder=row.holder,
        code_hash=row.code_hash,
        is_guessable=row.is_guessable,
        account_id=AccountId(row.account_id),
        epoch=row.epoch,
        address=row.address,
        expire_time=row.expire_time,
    )
