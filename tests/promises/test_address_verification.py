"""An address is verified by the code that came to it, and by one account."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from authn.v1.account_pb2 import Account

from tests.promises.asking import Pair
from tests.promises.codes import (
    DIGITS,
    LINK,
    account,
    change_password,
    complete,
    complete_verification,
    delete,
    disable_and_enable,
    logs_in,
    new_email,
    new_number,
    seen,
    start,
    start_verification,
    update,
    verify,
)
from tests.service import Service
from tests.stores.races import at_once


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


@pytest.mark.parametrize("meanwhile", [change_password, disable_and_enable, delete])
def test_p_rev_4_what_ends_tokens_voids_a_verification(
    pair: Pair, meanwhile: Callable[[Service, Account], None]
) -> None:
    made = pair.first.register(email=new_email()).account
    code = start_verification(pair.first, made)

    meanwhile(pair.first, made)

    assert complete_verification(pair.second, made, code) == "INVALID_CODE"


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
