"""Which peppers stored password hashes need: a start without one, or with another key, fails.

Of each pepper that was ever configured a check value is kept: what HMAC-SHA-256 under it makes of a
constant. It tells nothing of a key of 32 random bytes.
"""

import hmac
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from authsvc.stores.sql.schema import accounts, settings
from authsvc.stores.sql.transactions import read, write

_PREFIX = "pepper:"
_CONSTANT = b"authsvc password pepper"


class SqlPeppers:
    """Remembers peppers by their ids."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def changed(self, peppers: Mapping[str, bytes]) -> list[str]:
        """Give the ids that had another key before.

        Raises:
            StoreUnavailable: The database does not answer.

        """
        kept = self._kept()
        return [i for i, key in peppers.items() if kept.get(i, _check(key)) != _check(key)]

    def missing(self, peppers: Mapping[str, bytes]) -> list[str]:
        """Give the ids that are not configured and that stored hashes need.

        Raises:
            StoreUnavailable: The database does not answer.

        """
        gone = sorted(self._kept().keys() - peppers.keys())
        with read(self._engine) as connection:
            return [pepper_id for pepper_id in gone if _is_needed(connection, pepper_id)]

    def remember(self, peppers: Mapping[str, bytes]) -> None:
        """Keep what is new, and forget what is neither configured nor needed any more.

        Raises:
            StoreUnavailable: The database does not answer.

        """
        kept = self._kept()
        for pepper_id in peppers.keys() - kept.keys():
            self._keep_first(_PREFIX + pepper_id, _check(peppers[pepper_id]))
        for pepper_id in kept.keys() - peppers.keys():
            write(self._engine, partial(_forget, pepper_id=pepper_id))

    def _kept(self) -> dict[str, bytes]:
        query = select(settings.c.name, settings.c.value).where(settings.c.name.startswith(_PREFIX))
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
        return {name.removeprefix(_PREFIX): value for name, value in rows}

    def _keep_first(self, name: str, value: bytes) -> None:
        def work(connection: Connection) -> None:
            try:
                connection.execute(insert(settings).values(name=name, value=value))
            except IntegrityError:  # another process was faster; `changed` compares the keys
                connection.rollback()

        write(self._engine, work)


def _check(key: bytes) -> bytes:
    return hmac.digest(key, _CONSTANT, "sha256")


def _is_needed(connection: Connection, pepper_id: str) -> bool:
    """Look through all accounts: done only while a pepper that was once configured is not."""
    prefix = f"$hmac-sha256$keyid={pepper_id}$"
    query = select(accounts.c.account_id).where(
        accounts.c.password_hash.contains(prefix, autoescape=True)
    )
    return connection.execute(query.limit(1)).first() is not None


def _forget(connection: Connection, *, pepper_id: str) -> None:
    if not _is_needed(connection, pepper_id):
        connection.execute(delete(settings).where(settings.c.name == _PREFIX + pepper_id))
