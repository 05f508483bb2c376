"""Which texts are codes, and what is kept of them."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.accounts import Addressee
from authsvc.domain.addresses import Address, AddressKind
from authsvc.domain.events import Event
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.one_time_codes import (
    CodeFormat,
    CodePurpose,
    GuessLimit,
    KeptCode,
    OneTimeCodes,
    read_code,
)
from authsvc.errors import InvalidCode
from tests.stores.outbox import EVENT

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EMAIL = Address(AddressKind.EMAIL, "alice@example.com")


class KeptCodes:
    """A `OneTimeCodeStore` that shows what it is given."""

    def __init__(self) -> None:
        self.all: list[KeptCode] = []

    def keep(self, code: KeptCode, *, now: datetime, event: Event, limit: GuessLimit) -> None:
        self.all.append(code)

    def guess(self, hashes: object, *, now: datetime, limit: GuessLimit) -> KeptCode | None:
        raise AssertionError

    def find(self, code_hash: bytes, *, now: datetime) -> KeptCode | None:
        raise AssertionError

    def purge(self, before: datetime) -> int:
        raise AssertionError


def addressee() -> Addressee:
    return Addressee(
        account_id=new_account_id(), epoch=0, address=EMAIL, is_active=True, has_password=True
    )


@given(st.text())
def test_a_text_is_eight_ascii_digits_or_43_letters_of_base64url_or_no_code(text: str) -> None:
    try:
        form, code = read_code(text)
    except InvalidCode:
        assert not re.fullmatch(r" *([0-9] *){8}", text)
        assert not re.fullmatch(r"[A-Za-z0-9_-]{43}", text)
    else:
        assert code.isascii()
        assert code == (text.replace(" ", "") if form is CodeFormat.DIGITS else text)
        assert len(code) == {CodeFormat.DIGITS: 8, CodeFormat.LINK: 43}[form]


@given(st.integers(0, 10**8 - 1), st.lists(st.integers(0, 8)))
def test_spaces_between_digits_do_not_count(number: int, places: list[int]) -> None:
    code = f"{number:08d}"
    spaced = code
    for place in places:
        spaced = spaced[:place] + " " + spaced[place:]

    assert read_code(spaced) == (CodeFormat.DIGITS, code)


@given(st.lists(st.characters(categories=["Nd", "No", "Nl"]), min_size=8, max_size=8))
def test_digits_of_other_scripts_are_no_code(digits: list[str]) -> None:
    text = "".join(digits)
    if text.isascii():
        return
    with pytest.raises(InvalidCode):
        read_code(text)


def test_what_is_issued_is_what_is_read_and_no_two_are_the_same() -> None:
    store = KeptCodes()
    codes = OneTimeCodes(store=store, key=bytes(32), clock=lambda: NOW)
    purpose = CodePurpose.PASSWORD_RESET
    for form, amount in ((CodeFormat.DIGITS, 90), (CodeFormat.LINK, 100)):
        issued = {
            codes.issue(b"", purpose, EMAIL, None, form, event=EVENT).text for _ in range(100)
        }
        assert len(issued) >= amount
        assert {read_code(text) for text in issued} == {(form, text) for text in issued}


def test_a_decoy_is_kept_like_a_code_and_of_neither_more_than_hashes_under_the_key() -> None:
    kept: list[KeptCode] = []
    for key in (bytes(32), bytes([1] * 32)):
        store = KeptCodes()
        codes = OneTimeCodes(store=store, key=key, clock=lambda: NOW)
        for owner in (addressee(), None):
            holder = codes.holder(CodePurpose.PASSWORD_RESET, EMAIL.kind.value, EMAIL.key)
            issued = codes.issue(
                holder, CodePurpose.PASSWORD_RESET, EMAIL, owner, CodeFormat.DIGITS, event=EVENT
            )
            assert issued.text not in repr(issued)
        kept += store.all

    real, decoy, real_elsewhere, _ = kept
    assert (real.holder, real.address, real.epoch) == (decoy.holder, decoy.address, decoy.epoch)
    assert len(real.code_hash) == len(decoy.code_hash) == 32
    assert len(real.account_id) == len(decoy.account_id)
    assert real.holder != real_elsewhere.holder
    assert real.address != real_elsewhere.address


def test_no_two_lists_of_names_are_one_holder() -> None:
    codes = OneTimeCodes(store=KeptCodes(), key=bytes(32), clock=lambda: NOW)
    names = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), ()]
    holders = {codes.holder(purpose, *n) for purpose in CodePurpose for n in names}
    assert len(holders) == 2 * len(names)
