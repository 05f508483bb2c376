"""Files of accounts to import: JSON Lines and CSV, and what is wrong with a line.

docs/import.md describes both. What the server judges (names, addresses, hashes) is not judged here.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TextIO

from authn.v1.account_import_pb2 import ImportedAccount
from authn.v1.account_pb2 import AccountState

_STATES = {
    "active": AccountState.ACCOUNT_STATE_ACTIVE,
    "disabled": AccountState.ACCOUNT_STATE_DISABLED,
}
_SWITCHES = {"true": True, "false": False}


class BadLine(Exception):
    """A line can't be read; a sentence."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: a row, or what is wrong with it."""

    number: int
    row: ImportedAccount | None
    fault: str = ""


def read_json_lines(file: TextIO) -> Iterator[Line]:
    """Read a file with an account in each line; empty lines are skipped."""
    for number, text in enumerate(file, start=1):
        if text.strip():
            yield _line(number, partial(_parse_object, text))


def read_csv(file: TextIO) -> Iterator[Line]:
    """Read a file whose first line names the columns.

    Raises:
        BadLine: The first line names a column that there is not.

    """
    reader = csv.reader(file, strict=True)
    names = next(reader, [])
    if unknown := set(names) - set(_FIELDS):
        raise BadLine(f"line 1: there is no column {_first(unknown)}; {_known()}")
    if "username" not in names:
        raise BadLine("line 1: the column username is missing")
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(number, None, f"it is no CSV: {error}")
            continue
        if values:
            yield _line(number, partial(_parse_values, names, values))


def _line(number: int, parse: Callable[[], Mapping[str, Any]]) -> Line:
    try:
        given = parse()
        row = ImportedAccount(external_id=str(number))
        for name, value in given.items():
            if value not in (None, ""):
                _FIELDS[name](row, value)
    except (BadLine, UnicodeEncodeError) as error:
        return Line(number, None, str(error) if isinstance(error, BadLine) else "it is no UTF-8")
    return Line(number, row)


def _parse_object(text: str) -> Mapping[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise BadLine("it is no JSON") from None
    if not isinstance(given, dict):
        raise BadLine("it is no JSON object")
    if unknown := set(given) - set(_FIELDS):
        raise BadLine(f"there is no field {_first(unknown)}; {_known()}")
    return given


def _parse_values(names: list[str], values: list[str]) -> Mapping[str, Any]:
    if len(values) != len(names):
        raise BadLine(f"it has {len(values)} columns, and the first line {len(names)}")
    given: dict[str, Any] = dict(zip(names, values, strict=True))
    if "roles" in given:
        given["roles"] = given["roles"].split()
    if verified := given.get("email_verified"):
        given["email_verified"] = _SWITCHES.get(verified.lower(), verified)
    return given


def _text(name: str) -> Callable[[ImportedAccount, Any], None]:
    def put(row: ImportedAccount, value: object) -> None:
        if not isinstance(value, str):
            raise BadLine(f"{name} must be a text")
        setattr(row, name, value)

    return put


def _put_external_id(row: ImportedAccount, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadLine("external_id must be a text or a whole number")
    row.external_id = str(value)


def _put_email_verified(row: ImportedAccount, value: object) -> None:
    if not isinstance(value, bool):
        raise BadLine("email_verified must be true or false")
    row.email_verified = value


def _put_roles(row: ImportedAccount, value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise BadLine("roles must be a list of texts")
    row.roles.extend(value)


def _put_create_time(row: ImportedAccount, value: object) -> None:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadLine("create_time must be like 2020-01-31T12:00:00Z, with its zone")
    row.create_time.FromDatetime(moment)


def _put_state(row: ImportedAccount, value: object) -> None:
    if value not in _STATES:
        raise BadLine("state must be active or disabled")
    row.state = _STATES[str(value)]


_FIELDS: Mapping[str, Callable[[ImportedAccount, Any], None]] = {
    "external_id": _put_external_id,
    "username": _text("username"),
    "email": _text("email"),
    "email_verified": _put_email_verified,
    "roles": _put_roles,
    "password_hash": _text("password_hash"),
    "create_time": _put_create_time,
    "state": _put_state,
}


def _first(names: set[str]) -> str:
    return repr(min(names))[:64]


def _known() -> str:
    return f"there are {', '.join(_FIELDS)}"
