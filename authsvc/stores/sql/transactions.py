"""Transactions, and what becomes of a failure: the one place where the drivers' errors end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    PendingRollbackError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolExhausted,
)

from authsvc.domain.tracing import Span, untraced
from authsvc.errors import FieldViolation, InvalidRequest, StoreUnavailable
from authsvc.stores.sql.engine import begin

_T = TypeVar("_T")

_ATTEMPTS = 3
_DEADLOCKS = {"40001", "40P01", "1213"}
"""Serialization failure and deadlock of PostgreSQL, deadlock of MySQL: all was rolled back."""
_SPAN = "authsvc_span"
"""The execution option that holds what measures an engine's transactions."""


def measure(engine: Engine, span: Span) -> None:
    """Have each transaction on an engine measured from now on, with its waits."""
    engine.update_execution_options(**{_SPAN: span})


def _measured(engine: Engine, name: str) -> AbstractContextManager[object]:
    span: Span = engine.get_execution_options().get(_SPAN, untraced)
    return span(name, system=engine.dialect.name)


def write(engine: Engine, work: Callable[[Connection], _T]) -> _T:
    """Do work in one transaction; it is durable on return. A deadlock's victim is tried again.

    Raises:
        StoreUnavailable: The database does not answer, or refuses; nothing was acknowledged.
        InvalidRequest: The database can't hold a value.
        Exception: What the work raises; nothing was written.

    """
    with _measured(engine, "sql write"):
        for _ in range(_ATTEMPTS - 1):
            with _translated():
                try:
                    return _write_once(engine, work)
                except DBAPIError as error:
                    if _code(error) not in _DEADLOCKS:
                        raise
        with _translated():
            return _write_once(engine, work)


class _Overtaken(Exception):
    """Another transaction has inserted what this one was about to."""


def write_what_is_missing(engine: Engine, work: Callable[[Connection], _T]) -> _T:
    """Do work that looks what is there and inserts what is not; as `write`.

    It is done again, and looks again, if another transaction has inserted the same meanwhile.
    """

    def attempt(connection: Connection) -> _T:
        try:
            return work(connection)
        except IntegrityError:
            raise _Overtaken from None

    for _ in range(_ATTEMPTS):
        with suppress(_Overtaken):
            return write(engine, attempt)
    detail = "sql: other transactions keep inserting the same"
    raise StoreUnavailable(detail)


def _write_once(engine: Engine, work: Callable[[Connection], _T]) -> _T:
    with engine.connect() as connection, begin(connection, writes=True):
        return work(connection)


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """Read in one transaction.

    Raises:
        StoreUnavailable: The database does not answer, or refuses.
        InvalidRequest: The database can't hold a value that was asked for.

    """
    with (
        _measured(engine, "sql read"),
        _translated(),
        engine.connect() as connection,
        begin(connection, writes=False),
    ):
        yield connection


def ping(engine: Engine) -> None:
    """See whether the database answers.

    Raises:
        StoreUnavailable: It does not.

    """
    with read(engine) as connection:
        connection.execute(text("SELECT 1"))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DataError, UnicodeEncodeError):
        # Not chained, as below: the driver's text quotes the value.
        violation = FieldViolation(field="", description="holds what can't be stored")
        raise InvalidRequest(violation) from None
    except IntegrityError as error:
        raise StoreUnavailable(_describe(error)) from None
    except DBAPIError as error:
        raise StoreUnavailable(_describe(error)) from error
    except (PoolExhausted, PendingRollbackError) as error:
        detail = f"sql: {type(error).__name__}"
        raise StoreUnavailable(detail) from error


def _describe(error: DBAPIError) -> str:
    return f"sql: {type(error.orig).__name__} {_code(error)}".rstrip()


def _code(error: DBAPIError) -> str:
    """The database's own code of an error: SQLSTATE, SQLite's name or MySQL's number."""
    cause = error.orig
    for name in ("sqlstate", "sqlite_errorname"):
        if code := getattr(cause, name, None):
            return str(code)
    number = cause.args[0] if cause is not None and cause.args else ""
    return str(number) if isinstance(number, int) else ""
