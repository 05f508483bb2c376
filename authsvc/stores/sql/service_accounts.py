"""Service accounts in SQL."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from authsvc.domain.accounts import EndTokens
from authsvc.domain.api_keys import ApiKey
from authsvc.domain.events import Event
from authsvc.domain.identifiers import ServiceAccountId
from authsvc.domain.revocation import Revocation
from authsvc.domain.service_accounts import (
    ServiceAccount,
    ServiceAccountChange,
)
from authsvc.errors import (
    ApiKeyNotFound,
    CertificateNameTaken,
    ServiceAccountNotFound,
    ServiceNameTaken,
)
from authsvc.stores.sql.api_key_rows import api_key_from, api_key_values
from authsvc.stores.sql.journal import append_within
from authsvc.stores.sql.outbox import Outbox, Report
from authsvc.stores.sql.schema import api_keys, certificate_names, service_accounts
from authsvc.stores.sql.service_account_rows import (
    changed_values,
    service_account_from,
    service_account_values,
)
from authsvc.stores.sql.transactions import read, write
from authsvc.verify.revocations import RevocationKind


class SqlServiceAccountStore:
    """A `ServiceAccountStore`."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    def create(self, service_account: ServiceAccount, *, event: Event) -> None:
        """Keep a new service account; see `ServiceAccountStore.create`."""

        def work(connection: Connection, report: Report) -> None:
            try:
                connection.execute(
                    insert(service_accounts).values(service_account_values(service_account))
                )
            except IntegrityError:
                raise ServiceNameTaken from None
            _add_names(connection, service_account.name, service_account.certificate_names)
            report(event)

        self._outbox.write(work)

    def find(self, name: str) -> ServiceAccount | None:
        """Give the service account of a name, or None."""
        return self._find(select(service_accounts).where(service_accounts.c.name == name))

    def find_by_id(self, service_account_id: ServiceAccountId) -> ServiceAccount | None:
        """Give the service account of an id, or None."""
        this = service_accounts.c.service_account_id == service_account_id
        return self._find(select(service_accounts).where(this))

    def find_by_certificate_name(self, name: str) -> ServiceAccount | None:
        """Give the service account of a certificate's name, or None; its state is not judged."""
        columns = certificate_names.c
        return self._find(
            select(service_accounts)
            .join(certificate_names, columns.service_account == service_accounts.c.name)
            .where(columns.name == name.encode())
        )

    def list(self, *, after: str | None, limit: int) -> Sequence[ServiceAccount]:
        """Give the service accounts whose names come after the given one, by name."""
        query = select(service_accounts).order_by(service_accounts.c.name).limit(limit)
        if after is not None:
            query = query.where(service_accounts.c.name > after)
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
            names = _names_of(connection, [row.name for row in rows])
        return [service_account_from(row, names.get(row.name, ())) for row in rows]

    def change(
        self,
        name: str,
        change: ServiceAccountChange,
        *,
        now: datetime,
        event_of: Callable[[str], Event],
        end_tokens: EndTokens | None = None,
    ) -> tuple[ServiceAccount, Revocation | None]:
        """Change a service account and end its tokens, atomically."""
        this = service_accounts.c.name == name

        def work(
            connection: Connection, report: Report
        ) -> tuple[ServiceAccount, Revocation | None]:
            row = _lock(connection, name)
            report(event_of(row.service_account_id))
            values = changed_values(change) | {"update_time": now}
            if end_tokens is not None:
                values["epoch"] = row.epoch + 1
            connection.execute(update(service_accounts).where(this).values(values))
            if change.certificate_names is not None:
                connection.execute(
                    delete(certificate_names).where(certificate_names.c.service_account == name)
                )
                _add_names(connection, name, change.certificate_names)
            changed = connection.execute(select(service_accounts).where(this)).one()
            account = service_account_from(changed, _names_of(connection, [name]).get(name, ()))
            if end_tokens is None:
                return account, None
            return account, _end_tokens(connection, changed, account.epoch, end_tokens, now)

        return self._outbox.write(work)

    def delete(
        self,
        name: str,
        *,
        now: datetime,
        event_of: Callable[[str], Event],
        end_tokens: EndTokens,
    ) -> Revocation:
        """Remove a service account with its keys and end its tokens, atomically."""

        def work(connection: Connection, report: Report) -> Revocation:
            row = _lock(connection, name)
            report(event_of(row.service_account_id))
            connection.execute(delete(service_accounts).where(service_accounts.c.name == name))
            return _end_tokens(connection, row, row.epoch + 1, end_tokens, now)

        return self._outbox.write(work)

    def add_key(self, key: ApiKey, *, event: Event) -> None:
        """Keep a new key; see `ServiceAccountStore.add_key`."""

        def work(connection: Connection, report: Report) -> None:
            _lock(connection, key.service_account)
            connection.execute(insert(api_keys).values(api_key_values(key)))
            report(event)

        self._outbox.write(work)

    def list_keys(self, service_account: str) -> Sequence[ApiKey]:
        """Give the keys of a service account, oldest first, also those that have ended."""
        query = (
            select(api_keys)
            .where(api_keys.c.service_account == service_account)
            .order_by(api_keys.c.create_time, api_keys.c.key_id)
        )
        with read(self._engine) as connection:
            return [api_key_from(row) for row in connection.execute(query)]

    def revoke_key(
        self, key_id: str, *, now: datetime, event: Event, end_tokens: EndTokens
    ) -> Revocation:
        """End a key and its session, atomically. The first revocation's time stays."""
        this = api_keys.c.key_id == key_id

        def work(connection: Connection, report: Report) -> Revocation:
            row = connection.execute(select(api_keys).where(this).with_for_update()).first()
            if row is None:
                raise ApiKeyNotFound
            report(event)
            if row.revoke_time is None:
                connection.execute(update(api_keys).where(this).values(revoke_time=now))
            (revocation,) = append_within(
                connection,
                RevocationKind.SESSION,
                [row.session_id],
                reason=end_tokens.reason,
                now=now,
                remember_until=end_tokens.remember_until,
            )
            return revocation

        return self._outbox.write(work)

    def find_by_secret_hash(self, secret_hash: bytes) -> tuple[ServiceAccount, ApiKey] | None:
        """Give the key of a hash with its owner, or None; whether they may act is not judged."""
        key_query = select(api_keys).where(api_keys.c.secret_hash == secret_hash)
        with read(self._engine) as connection:
            key = connection.execute(key_query).first()
            if key is None:
                return None
            owner = connection.execute(
                select(service_accounts).where(service_accounts.c.name == key.service_account)
            ).first()
            names = _names_of(connection, [key.service_account])
        if owner is None:
            return None
        return service_account_from(owner, names.get(owner.name, ())), api_key_from(key)

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys were last used; a time never goes back."""
        columns = api_keys.c

        def work(connection: Connection) -> None:
            for key_id, moment in sorted(
                uses.items()
            ):  # in one order, so that none waits in a ring
                is_later = or_(columns.last_use_time.is_(None), columns.last_use_time < moment)
                connection.execute(
                    update(api_keys)
                    .where(columns.key_id == key_id, is_later)
                    .values(last_use_time=moment)
                )

        if uses:
            write(self._engine, work)

    def _find(self, query: Select[Any]) -> ServiceAccount | None:
        with read(self._engine) as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            return service_account_from(row, _names_of(connection, [row.name]).get(row.name, ()))


def _lock(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(
        select(service_accounts).where(service_accounts.c.name == name).with_for_update()
    ).first()
    if row is None:
        raise ServiceAccountNotFound(name)
    return row


def _end_tokens(
    connection: Connection, row: Row[Any], epoch: int, end_tokens: EndTokens, now: datetime
) -> Revocation:
    (revocation,) = append_within(
        connection,
        RevocationKind.ACCOUNT,  # to those who follow the feed, a subject like any other
        [row.service_account_id],
        epoch=epoch,
        reason=end_tokens.reason,
        now=now,
        remember_until=end_tokens.remember_until,
    )
    return revocation


def _add_names(connection: Connection, service_account: str, names: Sequence[str]) -> None:
    if not names:
        return
    rows = [{"name": name.encode(), "service_account": service_account} for name in names]
    try:
        connection.execute(insert(certificate_names), rows)
    except IntegrityError:
        raise CertificateNameTaken from None


def _names_of(
    connection: Connection, service_accounts_: Sequence[str]
) -> Mapping[str, tuple[str, ...]]:
    columns = certificate_names.c
    query = (
        select(columns.service_account, columns.name)
        .where(columns.service_account.in_(service_accounts_))
        .order_by(columns.name)
    )
    names: dict[str, tuple[str, ...]] = {}
    for service_account, name in connection.execute(query):
        names[service_account] = (*names.get(service_account, ()), name.decode())
    return names
