"""The kinds of foreign password hashes that accounts hold."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from authsvc.domain.clock import Clock
from authsvc.domain.foreign_hashes.foreign_hash import HashKind
from authsvc.stores.sql.schema import accounts, hash_kinds
from authsvc.stores.sql.transactions import read, write, write_what_is_missing

_GRACE = timedelta(minutes=10)
"""How long a kind is kept for accounts that are still to come."""


class SqlHashKindStore:
    """A `HashKindStore`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def list(self) -> Sequence[HashKind]:
        """Give one kind of each family; see `HashKindStore.list`."""
        with read(self._engine) as connection:
            rows = connection.execute(select(hash_kinds))
            return [HashKind(row.family, row.work) for row in rows]

    def announce(self, kinds: Iterable[HashKind]) -> None:
        """Keep kinds; see `HashKindStore.announce`."""
        wanted, now = list(kinds), self._clock()
        write_what_is_missing(
            self._engine, lambda connection: announce_within(connection, wanted, now=now)
        )

    def purge(self) -> None:
        """Forget kinds, or some of their work, that no account holds any more."""
        write(self._engine, lambda connection: _purge(connection, before=self._clock() - _GRACE))


def announce_within(connection: Connection, kinds: Iterable[HashKind], *, now: datetime) -> None:
    """Keep kinds as part of a transaction that writes what is missing.

    Until it ends, `purge` takes none of them away, and no other announces any.
    """
    query = select(hash_kinds).order_by(hash_kinds.c.family).with_for_update()
    kept = {row.family: row.work for row in connection.execute(query)}
    for family, work in sorted(_greatest(kinds).items()):
        values = {"work": work, "announce_time": now}
        if family not in kept:
            connection.execute(insert(hash_kinds).values(family=family, **values))
        elif kept[family] < work:
            this = (hash_kinds.c.family == family) & (hash_kinds.c.work < work)
            connection.execute(update(hash_kinds).where(this).values(values))


def _purge(connection: Connection, before: datetime) -> None:
    old = hash_kinds.c.announce_time < before
    # Locked first and looked at afterwards: no import can lie between.
    for kind in connection.execute(
        select(hash_kinds).where(old).order_by(hash_kinds.c.family).with_for_update()
    ).all():
        this = hash_kinds.c.family == kind.family
        held = select(func.max(accounts.c.hash_work)).where(accounts.c.hash_family == kind.family)
        work = connection.scalar(held)
        if work is None:
            connection.execute(delete(hash_kinds).where(this))
        elif work < kind.work:
            connection.execute(update(hash_kinds).where(this).values(work=work))


def _greatest(kinds: Iterable[HashKind]) -> Mapping[str, int]:
    greatest: dict[str, int] = {}
    for kind in kinds:
        greatest[kind.family] = max(kind.work, greatest.get(kind.family, 0))
    return greatest
