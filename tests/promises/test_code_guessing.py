"""Whoever guesses at one-time codes gets few guesses, and locks nobody out (P-THR-1, P-THR-2)."""

from datetime import timedelta
from functools import partial

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from tests.promises.asking import Pair
from tests.promises.codes import (
    LINK,
    account,
    ask,
    complete,
    complete_verification,
    new_email,
    other_digits,
    start,
    start_outcome,
    start_verification,
)
from tests.service import Service
from tests.stores.hot.servers import Server
from tests.stores.races import at_once

GUESSES = 5
REQUESTS = 5
HOUR = timedelta(hours=1)


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


def test_p_thr_1_five_wrong_guesses_void_the_digits_of_a_verification(pair: Pair) -> None:
    service = pair.first
    made = service.register(email=new_email()).account
    code = start_verification(service, made)
    for _ in range(GUESSES):
        assert complete_verification(service, made, other_digits(code)) == "INVALID_CODE"

    assert complete_verification(service, made, code) == "INVALID_CODE"
    link = start_verification(service, made, format=LINK)
    assert complete_verification(service, made, link) == ""


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
