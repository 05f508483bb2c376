"""The revocation journal in SQL.

Revisions come from a row that every append locks until it commits. So the order of revisions is
the order of commits: whoever has seen revision 8 and reads on from there has not missed 7, which
sequences don't give. They never go back, not even when old lines are purged.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from authsvc.domain.events import Event
from authsvc.domain.revocation import Revocation
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import journal_head, revocations
from authsvc.stores.sql.transactions import read, write
from authsvc.verify.revocations import RevocationKind

_BATCH = 500


class SqlRevocationJournal:
    """A `RevocationJournal`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def append(
        self,
        kind: RevocationKind,
        subjects: Sequence[str],
        *,
        reason: str,
        now: datetime,
        remember_until: datetime,
        events: Sequence[Event],
    ) -> Sequence[Revocation]:
        """Write a revocation for each subject, with its events; see `RevocationJournal.append`."""

        def work(connection: Connection, report: Report) -> Sequence[Revocation]:
            for event in events:
                report(event)
            if not subjects:
                return []
            return append_within(
                connection, kind, subjects, reason=reason, now=now, remember_until=remember_until
            )

        return self._outbox.write(work)

    def live(self, now: datetime, *, after: int = 0) -> Iterator[Sequence[Revocation]]:
        """Give all revocations after a revision still to be remembered, in order, in batches."""
        while batch := self._live_batch(now, after):
            yield batch
            after = batch[-1].revision

    def head(self) -> int:
        """Give the latest revision; 0 for an empty journal."""
        with read(self._engine) as connection:
            return int(connection.execute(select(journal_head.c.revision)).scalar_one())

    def purge(self, now: datetime) -> int:
        """Forget what need not be remembered any longer; the head stays where it is."""
        purged = 0
        while batch := write(self._engine, lambda connection: _purge_batch(connection, now)):
            purged += batch
        return purged

    def _live_batch(self, now: datetime, after: int) -> Sequence[Revocation]:
        columns = revocations.c
        with read(self._engine) as connection:
            rows = connection.execute(
                select(revocations)
                .where(columns.revision > after, columns.remember_until >= now)
                .order_by(columns.revision)
                .limit(_BATCH)
            )
            return [_revocation(row) for row in rows]


def append_within(
    connection: Connection,
    kind: RevocationKind,
    subjects: Sequence[str],
    *,
    reason: str,
    now: datetime,
    remember_until: datetime,
    epoch: int = 0,
) -> Sequence[Revocation]:
    """Write revocations as part of a transaction; do it last, it locks the journal's head."""
    head = lock_head(connection)
    written = [
        Revocation(
            revision=revision,
            kind=kind,
            subject=subject,
            epoch=epoch,
            reason=reason,
            create_time=now,
            remember_until=remember_until,
        )
        for revision, subject in enumerate(subjects, start=head + 1)
    ]
    connection.execute(update(journal_head).values(revision=head + len(written)))
    connection.execute(insert(revocations), [_values(revocation) for revocation in written])
    return written


def lock_head(connection: Connection) -> int:
    """Give the latest revision, and hold up every other append until the transaction ends."""
    return int(connection.execute(select(journal_head.c.revision).with_for_update()).scalar_one())


def _purge_batch(connection: Connection, now: datetime) -> int:
    columns = revocations.c
    revisions = connection.scalars(
        select(columns.revision).where(columns.remember_until < now).limit(_BATCH)
    ).all()
    connection.execute(delete(revocations).where(columns.revision.in_(revisions)))
    return len(revisions)


def _values(revocation: Revocation) -> dict[str, Any]:
    return {
        "revision": revocation.revision,
        "kind": revocation.kind.value,
        "subject": revocation.subject,
        "epoch": revocation.epoch,
        "reason": revocation.reason,
        "create_time": revocation.create_time,
        "remember_until": revocation.remember_until,
    }


def _revocation(row: Row[Any]) -> Revocation:
    return Revocation(
        revision=row.revision,
        kind=RevocationKind(row.kind),
        subject=row.subject,
        epoch=row.epoch,
        reason=row.reason,
        create_time=row.create_time,
        remember_until=row.remember_until,
    )
