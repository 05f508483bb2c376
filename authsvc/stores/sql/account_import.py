"""Accounts that come from another system, a batch in a transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from authsvc.domain.account_import import ImportedAccount
from authsvc.domain.identifiers import AccountId
from authsvc.stores.sql.account_rows import account_values
from authsvc.stores.sql.hash_kinds import announce_within
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import accounts
from authsvc.stores.sql.transactions import read

_UNIQUE = ("username_key", "verified_email_key")
"""What no two accounts may have, beside what nothing imported has or what is random."""


class SqlAccountImportStore:
    """An `AccountImportStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def find_imported(self, digests: Sequence[bytes]) -> Mapping[bytes, AccountId]:
        """Give the accounts of known rows; see `AccountImportStore.find_imported`."""
        with read(self._engine) as connection:
            return _find_imported(connection, digests)

    def create_imported(
        self, imported: Sequence[ImportedAccount], *, now: datetime
    ) -> Mapping[bytes, AccountId]:
        """Keep what is new; see `AccountImportStore.create_imported`."""
        return self._outbox.write_what_is_missing(
            lambda connection, report: _create(connection, report, imported, now)
        )


def _create(
    connection: Connection, report: Report, imported: Sequence[ImportedAccount], now: datetime
) -> Mapping[bytes, AccountId]:
    values = {one.digest: _values(one) for one in imported}
    events = {one.digest: one.event for one in imported}
    found = dict(_find_imported(connection, list(values)))
    taken = {column: _taken(connection, column, values.values()) for column in _UNIQUE}
    new = []  # of two rows with one name, or one verified address, the first gets it
    for digest, row in values.items():
        if digest in found or any(row[column] in taken[column] for column in _UNIQUE):
            continue
        for column in _UNIQUE:
            taken[column] |= {row[column]} - {None}
        found[digest] = row["account_id"]
        new.append(row)
        report(events[digest])
    if new:
        announce_within(connection, {o.kind for o in imported if o.kind is not None}, now=now)
        connection.execute(insert(accounts), new)
    return found


def _values(imported: ImportedAccount) -> dict[str, Any]:
    return {
        **account_values(imported.account),
        "hash_family": imported.kind.family if imported.kind is not None else None,
        "hash_work": imported.kind.work if imported.kind is not None else None,
        "import_digest": imported.digest,
    }


def _find_imported(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, AccountId]:
    query = select(accounts.c.import_digest, accounts.c.account_id).where(
        accounts.c.import_digest.in_(digests)
    )
    return {row.import_digest: AccountId(row.account_id) for row in connection.execute(query)}


def _taken(
    connection: Connection, column: str, rows: Iterable[Mapping[str, Any]]
) -> set[bytes | None]:
    """Give what other accounts have already of a column that is unique."""
    wanted = [row[column] for row in rows if row[column] is not None]
    query = select(accounts.c[column]).where(accounts.c[column].in_(wanted))
    return set(connection.scalars(query))
