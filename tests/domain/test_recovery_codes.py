"""Recovery codes: how they are written, read and hashed (P-MFA-4)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.identifiers import AccountId, new_account_id
from authsvc.domain.recovery_codes import hash_recovery_code, new_recovery_codes

ACCOUNT = AccountId("acc_" + "0" * 31 + "1")
FORM = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}")
LOOK_ALIKES = {"0": "0oO", "1": "1iIlL"}


def test_p_mfa_4_a_set_is_ten_codes_of_120_bits() -> None:
    codes = [code for _ in range(100) for code in new_recovery_codes()]

    assert len(new_recovery_codes()) == 10
    assert len(set(codes)) == 1000
    assert all(FORM.fullmatch(code) for code in codes)
    for place in (place for place in range(29) if place % 5 != 4):
        assert len({code[place] for code in codes}) == 32


@given(st.data())
def test_p_mfa_4_all_spellings_of_a_code_are_one(data: st.DataObject) -> None:
    code = "0123-4567-89AB-CDEF-GHJK-MNPQ"
    spelled = "".join(
        data.draw(
            st.sampled_from(LOOK_ALIKES.get(c, c + c.lower()) if c != "-" else ["", "-", " "])
        )
        for c in code
    )
    assert hash_recovery_code(ACCOUNT, spelled) == hash_recovery_code(ACCOUNT, code)


@given(place=st.integers(0, 28), character=st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_p_mfa_4_every_other_code_has_another_hash(place: int, character: str) -> None:
    [code, *_] = new_recovery_codes()
    if code[place] in ("-", character):
        return
    other = code[:place] + character + code[place + 1 :]
    assert hash_recovery_code(ACCOUNT, other) != hash_recovery_code(ACCOUNT, code)


def test_p_mfa_4_the_same_code_of_another_account_has_another_hash() -> None:
    [code, *_] = new_recovery_codes()
    assert len({hash_recovery_code(new_account_id(), code) for _ in range(10)}) == 10


@given(st.text(max_size=30))
def test_what_is_no_recovery_code_is_refused(text: str) -> None:
    bare = text.replace(" ", "").replace("-", "")
    if re.fullmatch(r"[0-9A-TV-Za-tv-z]{24}", bare):
        return
    with pytest.raises(ValueError, match="not a recovery code"):
        hash_recovery_code(ACCOUNT, text)


@pytest.mark.parametrize(
    "odd", ["\uff21" * 24, "U" * 24, "u" * 24, "ß" * 12, "\u0131" * 24, "0" * 23]
)
def test_letters_that_only_look_right_are_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="not a recovery code"):
        hash_recovery_code(ACCOUNT, odd)
