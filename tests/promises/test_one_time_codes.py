"""A one-time code works once, in time, and for whom and what it was issued."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import grpc
import pytest
from authn.v1.account_pb2 import Account
from authn.v1.account_service_pb2 import (
    DisableAccountRequest,
    EnableAccountRequest,
)
from authn.v1.auth_service_pb2 import (
    CompletePasswordResetRequest,
)

from tests.promises.asking import Pair
from tests.promises.codes import (
    DIGITS,
    LINK,
    NEW_PASSWORD,
    account,
    change_address_and_back,
    change_password,
    change_roles,
    complete,
    complete_verification,
    delete,
    disable_and_enable,
    keep_again,
    kept_codes,
    logs_in,
    new_email,
    new_number,
    seen,
    start,
    start_verification,
    update,
)
from tests.service import PASSWORD, Service
from tests.stores.races import at_once

GUESSES = 5


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


def test_a_code_for_a_closed_account_does_not_come_to_life_with_it(pair: Pair) -> None:
    service = pair.first
    made = account(service)
    service.account.DisableAccount(DisableAccountRequest(account_id=made.account_id))
    reset, proof = start(service, made.email), start_verification(service, made)
    service.account.EnableAccount(EnableAccountRequest(account_id=made.account_id))

    assert complete(service, reset, made.email) == "INVALID_CODE"
    assert complete_verification(service, made, proof) == "INVALID_CODE"


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
