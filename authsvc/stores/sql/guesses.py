"""Wrong guesses in SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    union,
    update,
)

from authsvc.domain.guessing import Counter, Failures, Guesses, Settlement, nobody
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.purging import purge
from authsvc.stores.sql.schema import accounts, guesses
from authsvc.stores.sql.transactions import read

# Built once: each login asks twice, and to build a query takes longer than to answer it.
_BY_NAME = select(guesses).where(guesses.c.name == bindparam("of_name"))
_AT_SUBJECT = select(guesses).where(
    guesses.c.subject == bindparam("at"), guesses.c.kind == bindparam("of_kind")
)
# A union, since not every engine finds the rows of an OR by two indices.
_BOTH = union(_BY_NAME, _AT_SUBJECT)

_Judge = Callable[[Guesses], Settlement]


class SqlGuessStore:
    """A `GuessStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def look(self, counter: Counter, *, now: datetime) -> Guesses:
        """Give what is known of a counter."""
        with read(self._engine) as connection:
            rows = connection.execute(_BOTH, _asked(counter)).all()
        return _guesses(counter, rows, now)

    def settle(self, counter: Counter, judge: _Judge, *, now: datetime) -> Settlement:
        """Count or forget, as it is judged; see `GuessStore.settle`."""
        return self._outbox.write_what_is_missing(
            lambda connection, report: _settle(connection, report, counter, judge, now)
        )

    def purge(self, now: datetime) -> int:
        """Forget what need not be remembered any longer; say how many rows it was."""
        return purge(self._engine, guesses.c.name, guesses.c.forget_time <= now)


def forget_guesses(connection: Connection, account_id: str, *kinds: str) -> None:
    """Forget an account's wrong guesses of these kinds, or of all, as part of a transaction."""
    columns = guesses.c
    mine = columns.subject == account_id
    if kinds:
        mine &= or_(*(columns.kind.startswith(kind, autoescape=True) for kind in kinds))
    connection.execute(delete(guesses).where(mine))


def _settle(
    connection: Connection, report: Report, counter: Counter, judge: _Judge, now: datetime
) -> Settlement:
    # The account's row is the one lock that guesses under all of its names share.
    account = connection.execute(
        select(accounts.c.account_id)
        .where(accounts.c.account_id == counter.subject)
        .with_for_update()
    ).first()
    queries = (_BY_NAME.with_for_update(), _AT_SUBJECT.with_for_update())
    found = [row for query in queries for row in connection.execute(query, _asked(counter))]
    rows = list({(row.name, row.subject): row for row in found}.values())
    settlement = judge(_guesses(counter, rows, now))
    if settlement.remember is None:
        connection.execute(delete(guesses).where(_forgivable(counter)))
    elif account is not None or not counter.is_of_account:
        _count(connection, counter, rows, now, now + settlement.remember)
    if settlement.event is not None:
        report(settlement.event)
    return settlement


def _count(
    connection: Connection,
    counter: Counter,
    rows: Sequence[Row[Any]],
    now: datetime,
    forget_time: datetime,
) -> None:
    own = [row for row in rows if (row.name, row.subject) == (counter.name, counter.subject)]
    values = {
        "failures": _failures(own, now).count + 1,
        "last_time": now,
        "forget_time": forget_time,
    }
    if own:
        columns = guesses.c
        this = and_(columns.name == counter.name, columns.subject == counter.subject)
        connection.execute(update(guesses).where(this).values(values))
        return
    key = {"name": counter.name, "subject": counter.subject, "kind": counter.kind}
    connection.execute(insert(guesses).values(key | values))


def _asked(counter: Counter) -> dict[str, object]:
    return {"of_name": counter.name, "at": counter.subject, "of_kind": counter.kind}


def _forgivable(counter: Counter) -> ColumnElement[bool]:
    columns = guesses.c
    of_nobody = and_(columns.name == counter.name, columns.subject == nobody(counter.name))
    return or_(of_nobody, and_(columns.subject == counter.subject, columns.kind == counter.kind))


def _guesses(counter: Counter, rows: Sequence[Row[Any]], now: datetime) -> Guesses:
    return Guesses(
        by_name=_failures([row for row in rows if row.name == counter.name], now),
        at_subject=_failures([row for row in rows if row.subject == counter.subject], now),
    )


def _failures(rows: Sequence[Row[Any]], now: datetime) -> Failures:
    remembered = [row for row in rows if row.forget_time > now]
    return Failures(
        count=sum(row.failures for row in remembered),
        last_time=max((row.last_time for row in remembered), default=None),
    )
