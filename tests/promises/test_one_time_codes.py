"""A one-time code works once, for whom and what it was issued, and tells nobody who has an account."""

import re
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from authn.v1.account_pb2 import Account
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    EnableAccountRequest,
    UpdateAccountRequest,
)
from authn.v1.auth_service_pb2 import (
    CompletePasswordResetRequest,
    CompletePasswordResetResponse,
    CompleteVerificationResponse,
    StartPasswordResetRequest,
)
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from sqlalchemy import Engine, event

from tests.promises.asking import Pair, events, is_dead, refresh, verify_refusal
from tests.promises.codes import (
    DIGITS,
    LINK,
    NEW_PASSWORD,
    account,
    ask,
    complete,
    complete_verification,
    logs_in,
    new_email,
    new_number,
    other_digits,
    seen,
    start,
    start_outcome,
    start_verification,
    verify,
)
from tests.service import PASSWORD, Service, bearer
from tests.stores.hot.servers import Server
from tests.stores.races import at_once

GUESSES = 5
REQUESTS = 5
HOUR = timedelta(hours=1)


def test_p_rev_4_a_reset_ends_every_session_and_token_and_opens_none(pair: Pair) -> None:
    made = account(pair.first)
    first = pair.first.login(made.username)
    before = pair.first.login(made.username)
    second = refresh(pair.first, before.refresh_token)  # the grace window of the first is open
    code = start(pair.first, made.email)

    request = CompletePasswordResetRequest(email=made.email, code=code, new_password=NEW_PASSWORD)
    answer = pair.second.auth.CompletePasswordReset(request)

    for service in pair:
        for tokens in (first, before, second):
            assert is_dead(service, tokens)
            refused = verify_refusal(service, tokens.access_token, min_revision=answer.revision)
            assert refused == "TOKEN_INACTIVE"
    assert not logs_in(pair.first, made, PASSWORD)
    assert logs_in(pair.first, made, NEW_PASSWORD)
    after = seen(pair.first, made)
    assert not kept_codes(pair.first, made)
    assert after.epoch == made.epoch + 1
    assert after.password_change_time.ToDatetime() > made.password_change_time.ToDatetime()


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


def test_p_mfa_3_a_reset_and_a_verification_answer_with_no_token() -> None:
    """What is in the answer can be no way around a second factor."""
    names = [field.name for field in CompletePasswordResetResponse.DESCRIPTOR.fields]
    assert names == ["revision"]
    assert not CompleteVerificationResponse.DESCRIPTOR.fields


@pytest.mark.parametrize("form", [DIGITS, LINK])
def test_a_code_works_once_under_fifty_parallel_uses(pair: Pair, form: str) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email, form)
    passwords = [f"{NEW_PASSWORD} number {number}" for number in range(50)]

    outcomes = at_once(
        [
            partial(complete, pair[number % 2], code, made.email, password)
            for number, password in enumerate(passwords)
        ]
    )

    assert outcomes.count("") == 1
    assert set(outcomes) <= {"", "INVALID_CODE", "OVERLOADED"}
    assert logs_in(pair.first, made, passwords[outcomes.index("")])
    assert complete(pair.first, code, made.email) == "INVALID_CODE"


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


@pytest.mark.parametrize("form", [DIGITS, LINK])
def test_p_thr_3_a_start_is_alike_for_every_address(pair: Pair, form: str) -> None:
    service = pair.first
    shapes, work = set(), set()
    expected_form = r"[0-9]{8}" if form == DIGITS else r"[A-Za-z0-9_-]{43}"
    life = timedelta(minutes=10) if form == DIGITS else HOUR
    for address in addresses_of_every_kind(service).values():
        with sql_work() as statements:
            answer = ask(service, address, form)
        assert re.fullmatch(expected_form, answer.code)
        assert answer.expire_time.ToDatetime() <= service.clock().replace(tzinfo=None) + life
        answer.expire_time.nanos = 1  # its size depends on the moment
        shapes.add((answer.ByteSize(), tuple(field.name for field, _ in answer.ListFields())))
        work.add(tuple(statements))

    assert len(shapes) == 1
    assert len(work) == 1
    with closing(sqlite3.connect(service.app.config.data / "authsvc.db")) as database:
        columns = "holder, code_hash, is_guessable, account_id, epoch, address, expire_time"
        rows = database.execute(f"SELECT {columns} FROM one_time_codes").fetchall()
    kinds = {tuple((type(v), len(v) if hasattr(v, "__len__") else 0) for v in row) for row in rows}
    assert len(kinds) == 1


@pytest.mark.parametrize("form", [DIGITS, LINK])
def test_p_thr_3_no_refused_code_tells_why(pair: Pair, form: str) -> None:
    """Wrong codes for each address, and the very codes that were given for those without use."""
    service = pair.first
    refusals, work = set(), set()
    for kind, address in addresses_of_every_kind(service).items():
        code = start(service, address, form)
        wrong = other_digits(code) if form == DIGITS else "A" * 43
        with sql_work() as statements:
            refusals.add(refusal(service, wrong, address))
        work.add(tuple(statements))
        if kind != "known":
            refusals.add(refusal(service, code, address))
    refusals.add(refusal(service, "12345678", new_email()))

    assert len(refusals) == 1
    assert len(work) == 1


def refusal(service: Service, code: str, email: str) -> bytes:
    """All that a refused completion says."""
    request = CompletePasswordResetRequest(email=email, code=code, new_password=NEW_PASSWORD)
    with pytest.raises(grpc.RpcError) as caught:
        service.auth.CompletePasswordReset(request)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    status = rpc_status.from_call(caught.value)
    assert status is not None
    return status.SerializeToString(deterministic=True)


def test_p_thr_3_no_refused_code_costs_a_hash(own: Service) -> None:
    addresses = addresses_of_every_kind(own)
    codes = {kind: start(own, address) for kind, address in addresses.items()}
    codes["known"] = other_digits(codes["known"])

    own.app.passwords.close()  # to hash would now be an error

    for kind, address in addresses.items():
        assert complete(own, codes[kind], address) == "INVALID_CODE"


@pytest.mark.parametrize("is_known", [True, False])
def test_p_thr_1_five_wrong_guesses_void_the_digits_of_an_address(
    own: Service, own_redis: Server, is_known: bool
) -> None:
    made = account(own)
    address = made.email if is_known else new_email()
    code = start(own, address)
    outcomes = at_once(
        [partial(complete, own, other_digits(code), address) for _ in range(GUESSES)]
    )
    assert outcomes == ["INVALID_CODE"] * GUESSES

    assert complete(own, code, address) == "INVALID_CODE"
    with own_redis.client() as client:
        client.flushall()
    assert complete(own, code, address) == "INVALID_CODE"
    assert 0 < retry_seconds(own, address) <= HOUR.total_seconds()
    own.clock.offset = HOUR / 2
    assert retry_seconds(own, address) <= HOUR.total_seconds() / 2
    own.clock.offset = HOUR
    assert complete(own, start(own, address), address) == ("" if is_known else "INVALID_CODE")


def retry_seconds(service: Service, address: str) -> float:
    """After what time the refusal of a code says that there is one again."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(service, address)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(caught.value)
    assert status is not None
    info = RetryInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.retry_delay.ToTimedelta().total_seconds()


def test_p_thr_1_new_codes_bring_no_new_guesses(pair: Pair) -> None:
    service = pair.first
    made = account(service)
    for _ in range(GUESSES):
        code = start(service, made.email)
        assert complete(service, other_digits(code), made.email) == "INVALID_CODE"

    assert complete(service, code, made.email) == "INVALID_CODE"


def test_p_thr_2_whoever_guesses_cannot_keep_the_owner_from_a_link(pair: Pair) -> None:
    service = pair.first
    made = account(service)
    code = start(service, made.email)
    for _ in range(GUESSES):
        complete(service, other_digits(code), made.email)
    assert start_outcome(service, made.email) == "TOO_MANY_ATTEMPTS"

    link = start(service, made.email, LINK)
    for _ in range(GUESSES):
        complete(service, "00000000", made.email)

    assert complete(service, link, made.email) == ""


@pytest.mark.parametrize("is_known", [True, False])
def test_codes_for_one_address_are_limited_and_spellings_are_one_address(
    pair: Pair, is_known: bool
) -> None:
    service = pair.first
    address = account(service).email if is_known else new_email()
    for number in range(REQUESTS):
        start(service, address.upper() if number % 2 else address)

    assert start_outcome(service, address, LINK) == "TOO_MANY_ATTEMPTS"
    assert 0 < retry_seconds(service, address) <= HOUR.total_seconds()
    assert start_outcome(service, new_email()) == ""


def test_the_newest_code_takes_the_place_of_the_one_before(pair: Pair) -> None:
    made = account(pair.first)
    older, newer = (start(pair.first, made.email, form) for form in (LINK, LINK))

    assert complete(pair.first, older, made.email) == "INVALID_CODE"
    assert complete(pair.first, newer, made.email) == ""


@pytest.mark.parametrize(("form", "minutes"), [(DIGITS, 10), (LINK, 60)])
def test_a_code_ends_in_time(own: Service, form: str, minutes: int) -> None:
    made = account(own)
    first = start(own, made.email, form)
    own.clock.offset = timedelta(minutes=minutes)
    assert complete(own, first, made.email) == "INVALID_CODE"

    second = start(own, made.email, form)
    own.clock.offset += timedelta(minutes=minutes - 1)
    assert complete(own, second, made.email) == ""


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


@pytest.mark.parametrize(
    "meanwhile",
    [change_password, disable_and_enable, delete, change_address_and_back, change_roles],
)
@pytest.mark.parametrize("form", [DIGITS, LINK])
def test_p_rev_4_what_changes_an_account_voids_its_codes(
    pair: Pair, meanwhile: Callable[[Service, Account], None], form: str
) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email, form)

    meanwhile(pair.first, made)

    assert complete(pair.second, code, made.email) == "INVALID_CODE"
    assert complete(pair.second, code, made.email if form == DIGITS else "") == "INVALID_CODE"


@pytest.mark.parametrize("form", [DIGITS, LINK])
def test_a_code_that_is_written_while_its_address_changes_does_nothing(
    pair: Pair, form: str
) -> None:
    service = pair.first
    made = account(service)
    reset, proof = start(service, made.email, form), start_verification(service, made, format=form)
    rows = kept_codes(service, made)
    assert len(rows) == 2

    update(service, made, email=new_email())
    assert not kept_codes(service, made)
    keep_again(service, rows)

    assert complete(service, reset, made.email) == "INVALID_CODE"
    assert complete_verification(service, made, proof) == "INVALID_CODE"
    assert logs_in(service, made, PASSWORD)
    assert not seen(service, made).email_verified


def test_a_code_is_for_one_account_one_address_and_one_purpose(pair: Pair) -> None:
    service = pair.first
    mine, theirs = account(service, phone_number=new_number()), account(service)
    for form in (DIGITS, LINK):
        code = start(service, mine.email, form)
        assert complete(service, code, theirs.email) == "INVALID_CODE"
        by_phone = CompletePasswordResetRequest(
            phone_number=mine.phone_number, code=code, new_password=NEW_PASSWORD
        )
        with pytest.raises(grpc.RpcError):
            service.auth.CompletePasswordReset(by_phone)
        assert complete_verification(service, mine, code) == "INVALID_CODE"
        proof = start_verification(service, mine, format=form)
        assert complete_verification(service, theirs, proof) == "INVALID_CODE"
        assert complete(service, proof, mine.email) == "INVALID_CODE"
        assert complete(service, proof, "") == "INVALID_CODE"
        assert complete_verification(service, mine, proof) == ""
    assert complete(service, code, mine.email) == ""


def test_a_password_is_reset_by_a_verified_phone_number(pair: Pair) -> None:
    made = account(pair.first, email="", phone_number=new_number())
    request = StartPasswordResetRequest(phone_number=made.phone_number)
    code = pair.first.auth.StartPasswordReset(request).code

    pair.first.auth.CompletePasswordReset(
        CompletePasswordResetRequest(
            phone_number=made.phone_number, code=code, new_password=NEW_PASSWORD
        )
    )

    assert logs_in(pair.first, made)


def test_digits_may_be_typed_with_spaces_and_are_used_once_in_any_spelling(pair: Pair) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email)
    spaced = f" {code[:4]} {code[4:]} "

    assert complete(pair.first, spaced, made.email) == ""
    for again in (spaced, code, f"{code} "):
        assert complete(pair.first, again, made.email) == "INVALID_CODE"


@pytest.mark.parametrize(
    "spell",
    [
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x1D7CE + int(digit)) for digit in code),
        lambda code: f"{code[:4]}-{code[4:]}",
        lambda code: f"{code[:4]}\u00a0{code[4:]}",
        lambda code: f"{code}\n",
        lambda code: f"+{code}",
        lambda code: f"0{code}",
        lambda code: code[:-1],
        lambda code: f"{code[:4]}_{code[4:]}",
    ],
)
def test_other_spellings_of_digits_are_refused_and_are_no_guesses(
    pair: Pair, spell: Callable[[str], str]
) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email)
    for _ in range(GUESSES):
        assert complete(pair.first, spell(code), made.email) == "INVALID_CODE"

    assert complete(pair.first, code, made.email) == ""


@pytest.mark.parametrize(
    "spell",
    [
        str.swapcase,
        lambda code: code + "=",
        lambda code: f" {code}",
        lambda code: code[:-1] + chr(ord(code[-1]) ^ 1),  # of the bits that encode nothing
        lambda code: code.translate(str.maketrans("-_", "+/")) + "=",
    ],
)
def test_a_link_has_one_spelling_and_needs_no_address(
    pair: Pair, spell: Callable[[str], str]
) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email, LINK)
    assert complete(pair.first, spell(code), "") == "INVALID_CODE"

    assert complete(pair.first, code, "") == ""
    assert complete(pair.first, code, "") == "INVALID_CODE"


def test_digits_without_an_address_are_nobodys(pair: Pair) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email)

    assert complete(pair.first, code, "") == "INVALID_CODE"


def test_a_password_that_is_refused_uses_no_code_up(pair: Pair) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email)
    for refused in ("short", made.username, "a" * 40):
        assert complete(pair.first, code, made.email, refused) == "PASSWORD_REJECTED"
        assert complete(pair.first, "1", made.email, refused) == "INVALID_CODE"

    assert complete(pair.first, code, made.email) == ""


def test_p_flt_2_a_redis_from_before_brings_no_used_code_back(
    own: Service, own_redis: Server, tmp_path: Path
) -> None:
    made = account(own)
    code = start(own, made.email)
    own_redis.kill()
    shutil.copytree(own_redis.directory / "appendonlydir", tmp_path / "before")
    own_redis.start()
    assert complete(own, code, made.email) == ""

    own_redis.kill()
    shutil.rmtree(own_redis.directory / "appendonlydir")
    shutil.copytree(tmp_path / "before", own_redis.directory / "appendonlydir")
    own_redis.start()

    assert complete(own, code, made.email, "another " + NEW_PASSWORD) == "INVALID_CODE"
    assert logs_in(own, made)


def test_p_flt_2_an_emptied_redis_takes_no_code_away(own: Service, own_redis: Server) -> None:
    made = account(own)
    code = start(own, made.email)
    with own_redis.client() as client:
        client.flushall()

    assert complete(own, code, made.email) == ""


@contextmanager
def without_table(service: Service, name: str) -> Iterator[None]:
    """Have SQL fail at one step."""
    database = sqlite3.connect(service.app.config.data / "authsvc.db", isolation_level=None)
    try:
        database.execute(f"ALTER TABLE {name} RENAME TO hidden")
        yield
    finally:
        database.execute(f"ALTER TABLE hidden RENAME TO {name}")
        database.close()


@pytest.mark.parametrize("table", ["one_time_codes", "accounts", "revocations"])
def test_p_flt_1_an_outage_of_sql_at_any_step_uses_no_code_up(pair: Pair, table: str) -> None:
    service = pair.first
    made = account(service, email=new_email())
    code = start(service, made.email)
    with without_table(service, table):
        assert complete(service, code, made.email) == "STORE_UNAVAILABLE"
    assert logs_in(service, made, PASSWORD)

    assert complete(service, code, made.email) == ""


def test_p_flt_1_a_code_that_was_not_issued_for_an_outage_counts_for_nothing(pair: Pair) -> None:
    service = pair.first
    made = account(service)
    with without_table(service, "one_time_codes"):
        for _ in range(2 * REQUESTS):
            assert start_outcome(service, made.email) == "STORE_UNAVAILABLE"

    assert complete(service, start(service, made.email), made.email) == ""


def test_p_flt_1_an_outage_of_redis_uses_no_code_up(own: Service, own_redis: Server) -> None:
    made = account(own)
    code = start(own, made.email)
    own_redis.kill()
    assert complete(own, code, made.email) == "STORE_UNAVAILABLE"
    assert start_outcome(own, made.email) == "STORE_UNAVAILABLE"
    own_redis.start()

    assert complete(own, code, made.email) == ""


def test_p_flt_3_a_cancelled_reset_is_done_or_can_be_done_again(own: Service) -> None:
    made = account(own)
    code = start(own, made.email)
    request = CompletePasswordResetRequest(email=made.email, code=code, new_password=NEW_PASSWORD)
    calls = [own.auth.CompletePasswordReset.future(request) for _ in range(10)]
    for call in calls:
        call.cancel()

    again = complete(own, code, made.email)

    assert again in {"", "INVALID_CODE"}
    assert logs_in(own, made, NEW_PASSWORD)


def test_an_address_is_verified_by_the_code_that_came_to_it(pair: Pair) -> None:
    service = pair.first
    made = service.register(email=new_email()).account
    assert not made.email_verified

    codes = [start_verification(service, made, format=form) for form in (DIGITS, LINK)]

    assert complete_verification(service, made, codes[0]) == "INVALID_CODE"  # replaced
    assert complete_verification(service, made, codes[1]) == ""
    assert complete_verification(service, made, codes[1]) == "INVALID_CODE"
    assert seen(service, made).email_verified


def test_both_addresses_of_an_account_can_be_verified_at_the_same_time(pair: Pair) -> None:
    service = pair.first
    made = service.register(email=new_email()).account
    update(service, made, phone_number=new_number())
    made = seen(service, made)
    for_email, for_phone = (start_verification(service, made, k) for k in ("email", "phone_number"))

    assert complete_verification(service, made, for_phone) == ""
    assert complete_verification(service, made, for_email) == ""

    after = seen(service, made)
    assert (after.email_verified, after.phone_number_verified) == (True, True)


def test_another_address_is_not_verified(pair: Pair) -> None:
    made = account(pair.first, phone_number=new_number())
    update(pair.first, made, email=new_email())
    assert not seen(pair.first, made).email_verified
    assert seen(pair.first, made).phone_number_verified
    update(pair.first, made, phone_number="")
    after = seen(pair.first, made)
    assert (after.phone_number, after.phone_number_verified) == ("", False)


def test_a_code_for_an_address_that_is_not_the_accounts_never_works(pair: Pair) -> None:
    service = pair.first
    made = service.register(email=new_email()).account
    for address in ({"email": new_email()}, {"phone_number": new_number()}):
        request = {"format": LINK, **address}
        kind = next(iter(address))
        code = start_verification(service, made, kind, **request)
        assert complete_verification(service, made, code) == "INVALID_CODE"
    assert not seen(service, made).email_verified


def test_a_code_for_an_address_that_was_changed_meanwhile_verifies_nothing(pair: Pair) -> None:
    service = pair.first
    made = service.register(email=new_email()).account
    code = start_verification(service, made, format=LINK)
    update(service, made, email=new_email())

    assert complete_verification(service, made, code) == "INVALID_CODE"
    assert not seen(service, made).email_verified


@pytest.mark.parametrize("stored", ["mi\u212ae@codes.test", "mik\u00e9@codes.test"])
def test_p_pw_3_a_code_for_an_address_that_only_counts_as_the_same_never_works(
    own: Service, stored: str
) -> None:
    """The code is sent to the address as it was typed, which may be another's mailbox."""
    made = account(own)
    with closing(sqlite3.connect(own.app.config.data / "authsvc.db")) as database:
        key = b"mike@codes.test"
        values = "email = ?, email_key = ?, verified_email_key = ?"
        database.execute(f"UPDATE accounts SET {values}", [stored, key, key])
        database.commit()

    assert complete(own, start(own, "mike@codes.test"), "mike@codes.test") == "INVALID_CODE"
    proof = start_verification(own, made, email="mike@codes.test")
    assert complete_verification(own, made, proof) == "INVALID_CODE"
    assert start_outcome(own, "mi\u212ae@codes.test") == "INVALID_REQUEST"


@pytest.mark.parametrize("meanwhile", [change_password, disable_and_enable, delete])
def test_p_rev_4_what_ends_tokens_voids_a_verification(
    pair: Pair, meanwhile: Callable[[Service, Account], None]
) -> None:
    made = pair.first.register(email=new_email()).account
    code = start_verification(pair.first, made)

    meanwhile(pair.first, made)

    assert complete_verification(pair.second, made, code) == "INVALID_CODE"


def test_a_code_for_a_closed_account_does_not_come_to_life_with_it(pair: Pair) -> None:
    service = pair.first
    made = account(service)
    service.account.DisableAccount(DisableAccountRequest(account_id=made.account_id))
    reset, proof = start(service, made.email), start_verification(service, made)
    service.account.EnableAccount(EnableAccountRequest(account_id=made.account_id))

    assert complete(service, reset, made.email) == "INVALID_CODE"
    assert complete_verification(service, made, proof) == "INVALID_CODE"


def test_of_accounts_that_verify_one_address_at_the_same_time_one_gets_it(pair: Pair) -> None:
    service = pair.first
    address = new_email()
    rivals = [service.register(email=spelling).account for spelling in (address, address.upper())]
    codes = [start_verification(service, rival) for rival in rivals]

    outcomes = at_once(
        [
            partial(complete_verification, pair[number], rival, code)
            for number, (rival, code) in enumerate(zip(rivals, codes, strict=True))
        ]
    )

    assert Counter(outcomes) == Counter(["", "INVALID_CODE"])
    winner, loser = (rivals[outcomes.index(outcome)] for outcome in ("", "INVALID_CODE"))
    assert seen(service, winner).email_verified
    assert not seen(service, loser).email_verified
    assert complete(service, start(service, address), address) == ""
    assert logs_in(service, winner)
    assert not logs_in(service, loser)


def test_an_address_that_its_owner_gave_up_can_be_verified_by_another(pair: Pair) -> None:
    service = pair.first
    owner = account(service)
    heir = service.register(email=owner.email).account
    code = start_verification(service, heir)
    assert complete_verification(service, heir, code) == "INVALID_CODE"

    update(service, owner, email="")

    verify(service, heir)
    assert seen(service, heir).email_verified


def test_p_thr_1_five_wrong_guesses_void_the_digits_of_a_verification(pair: Pair) -> None:
    service = pair.first
    made = service.register(email=new_email()).account
    code = start_verification(service, made)
    for _ in range(GUESSES):
        assert complete_verification(service, made, other_digits(code)) == "INVALID_CODE"

    assert complete_verification(service, made, code) == "INVALID_CODE"
    link = start_verification(service, made, format=LINK)
    assert complete_verification(service, made, link) == ""


def test_p_thr_3_a_verification_is_started_and_refused_alike_for_every_account(
    pair: Pair,
) -> None:
    service = pair.first
    closed = account(service)
    service.account.DisableAccount(DisableAccountRequest(account_id=closed.account_id))
    known = service.register(email=new_email()).account
    nobody = Account(account_id="acc_" + "0" * 32, email=known.email)
    other = Account(account_id=known.account_id, email=new_email())
    started, refused = set(), set()
    for made in (known, nobody, closed, other):
        with sql_work() as statements:
            code = start_verification(service, made)
        started.add(tuple(statements))
        with sql_work() as statements:
            assert complete_verification(service, made, other_digits(code)) == "INVALID_CODE"
        refused.add(tuple(statements))

    # The last one asks for a second code, which takes the place of the first.
    assert len({statements[:2] for statements in started}) == 1
    assert len(refused) == 1


def test_p_obs_1_every_reset_and_verification_leaves_an_event(own: Service) -> None:
    made = account(own)
    start(own, new_email())
    complete(own, start(own, made.email), made.email)
    complete(own, "00000000", made.email)

    assert events(own, "verification.started") == 1
    assert events(own, "verification.completed") == 1
    assert events(own, "password_reset.started") == 2
    assert events(own, "password_reset.completed") == 2
