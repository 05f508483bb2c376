"""One-time codes tell nobody who has an account: every answer and all work is alike (P-THR-3)."""

import re
import sqlite3
from contextlib import closing
from datetime import timedelta

import grpc
import pytest
from authn.v1.account_pb2 import Account
from authn.v1.account_service_pb2 import (
    DisableAccountRequest,
)
from authn.v1.auth_service_pb2 import (
    CompletePasswordResetRequest,
)
from grpc_status import rpc_status

from tests.promises.asking import Pair, events
from tests.promises.codes import (
    DIGITS,
    LINK,
    NEW_PASSWORD,
    account,
    addresses_of_every_kind,
    ask,
    complete,
    complete_verification,
    new_email,
    other_digits,
    sql_work,
    start,
    start_verification,
)
from tests.service import Service

HOUR = timedelta(hours=1)


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
