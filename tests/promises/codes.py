"""How the tests ask for one-time codes and bring them back."""

import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
from authn.v1.account_pb2 import Account
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    CreateAccountRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    EnableAccountRequest,
    GetAccountRequest,
    UpdateAccountRequest,
)
from authn.v1.auth_service_pb2 import (
    CompletePasswordResetRequest,
    CompleteVerificationRequest,
    StartPasswordResetRequest,
    StartPasswordResetResponse,
    StartVerificationRequest,
)
from sqlalchemy import Engine, event

from tests.service import PASSWORD, Service, bearer, reason

NEW_PASSWORD = "seven quiet lanterns by the harbour"
LINK = "CODE_FORMAT_LINK"
DIGITS = "CODE_FORMAT_DIGITS"


def new_email() -> str:
    return f"{secrets.token_hex(6)}@codes.test"


def new_number() -> str:
    return f"+49{secrets.randbelow(10**11):011d}"


def account(service: Service, **fields: Any) -> Account:
    """Make an account with an address, and verify what addresses it has."""
    given = {"username": f"c{secrets.token_hex(6)}", "email": new_email(), "password": PASSWORD}
    made = service.account.CreateAccount(CreateAccountRequest(**{**given, **fields})).account
    for kind in ("email", "phone_number"):
        if getattr(made, kind):
            verify(service, made, kind)
    return seen(service, made)


def seen(service: Service, made: Account) -> Account:
    """Give an account as it is now."""
    return service.account.GetAccount(GetAccountRequest(account_id=made.account_id)).account


def start_verification(service: Service, made: Account, kind: str = "email", **fields: Any) -> str:
    """Give a code that verifies an address."""
    given = {kind: getattr(made, kind), **fields}
    request = StartVerificationRequest(account_id=made.account_id, **given)
    return service.auth.StartVerification(request).code


def complete_verification(service: Service, made: Account, code: str) -> str:
    """Bring a code; give the reason of a refusal, else ""."""
    request = CompleteVerificationRequest(account_id=made.account_id, code=code)
    return _outcome(service.auth.CompleteVerification, request)


def verify(service: Service, made: Account, kind: str = "email") -> None:
    """Verify an address."""
    assert complete_verification(service, made, start_verification(service, made, kind)) == ""


def ask(service: Service, email: str, form: str = DIGITS) -> StartPasswordResetResponse:
    """Give the answer to a person who has forgotten the password."""
    request = StartPasswordResetRequest(email=email, format=form)
    return service.auth.StartPasswordReset(request)


def start(service: Service, email: str, form: str = DIGITS) -> str:
    """Give a code that resets a password."""
    return ask(service, email, form).code


def start_outcome(service: Service, email: str, form: str = DIGITS) -> str:
    """Give the reason of a refusal to issue a code, else ""."""
    return _outcome(
        service.auth.StartPasswordReset, StartPasswordResetRequest(email=email, format=form)
    )


def complete(service: Service, code: str, email: str, password: str = NEW_PASSWORD) -> str:
    """Bring a code; give the reason of a refusal, else ""."""
    address = {"email": email} if email else {}
    request = CompletePasswordResetRequest(code=code, new_password=password, **address)
    return _outcome(service.auth.CompletePasswordReset, request)


def other_digits(code: str) -> str:
    """Give digits that are not the code."""
    return f"{(int(code) + 1) % 10**8:08d}"


def logs_in(service: Service, made: Account, password: str = NEW_PASSWORD) -> bool:
    """Say whether the account has this password."""
    try:
        service.login(made.username, password=password)
    except grpc.RpcError as error:
        assert reason(error) == "INVALID_CREDENTIALS"
        return False
    return True


def _outcome(method: Any, request: Any) -> str:
    try:
        method(request)
    except grpc.RpcError as error:
        return reason(error)
    return ""


def kept_codes(service: Service, made: Account) -> list[tuple[Any, ...]]:
    """What SQL has of an account's codes."""
    with closing(sqlite3.connect(service.app.config.data / "authsvc.db")) as database:
        query = "SELECT * FROM one_time_codes WHERE account_id = ?"
        return database.execute(query, [made.account_id]).fetchall()


def keep_again(service: Service, rows: list[tuple[Any, ...]]) -> None:
    """Write codes as a start does that was overtaken by whatever happened meanwhile."""
    with closing(sqlite3.connect(service.app.config.data / "authsvc.db")) as database:
        database.executemany("INSERT INTO one_time_codes VALUES (?,?,?,?,?,?,?,?,?)", rows)
        database.commit()


@contextmanager
def sql_work() -> Iterator[list[str]]:
    """The statements on accounts and codes, of whatever engine of this process."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        is_a_duty = threading.current_thread().name == "housekeeping"
        if re.search(r"\b(accounts|one_time_codes)\b", statement) and not is_a_duty:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def addresses_of_every_kind(service: Service) -> dict[str, str]:
    """Addresses that can be reset by and that can't, for each reason."""
    disabled = account(service)
    service.account.DisableAccount(DisableAccountRequest(account_id=disabled.account_id))
    unverified = service.register(email=new_email()).account
    return {
        "known": account(service).email,
        "unknown": new_email(),
        "disabled": disabled.email,
        "unverified": unverified.email,
        "passwordless": account(service, password="").email,
    }


def change_password(service: Service, made: Account) -> None:
    me = bearer(service.login(made.username).access_token)
    change = ChangePasswordRequest(current_password=PASSWORD, new_password="x" + PASSWORD)
    service.account.ChangePassword(change, metadata=me)


def disable_and_enable(service: Service, made: Account) -> None:
    service.account.DisableAccount(DisableAccountRequest(account_id=made.account_id))
    service.account.EnableAccount(EnableAccountRequest(account_id=made.account_id))


def delete(service: Service, made: Account) -> None:
    service.account.DeleteAccount(DeleteAccountRequest(account_id=made.account_id))


def update(service: Service, made: Account, **fields: Any) -> None:
    request = UpdateAccountRequest(
        account_id=made.account_id, update_mask={"paths": list(fields)}, **fields
    )
    service.account.UpdateAccount(request)


def change_address_and_back(service: Service, made: Account) -> None:
    update(service, made, email=new_email())
    update(service, made, email=made.email)
    verify(service, made)


def change_roles(service: Service, made: Account) -> None:
    update(service, made, roles=["auditor"])
