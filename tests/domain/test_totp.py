"""Codes of authenticator apps: which are right when (RFC 6238)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.totp import matching_step, new_seed, otpauth_uri, seed_text, step_at

SEED = b"12345678901234567890"
NOW = datetime(2026, 11, 24, 12, 0, 7, tzinfo=UTC)
PRESENT = step_at(NOW)
ALWAYS = -1


def code(step: int, seed: bytes = SEED) -> str:
    return pyotp.TOTP(seed_text(seed)).generate_otp(step)


@pytest.mark.parametrize(
    ("seconds", "totp"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_the_rfc(seconds: int, totp: str) -> None:
    """RFC 6238, appendix B; of eight digits the last six are the six."""
    now = datetime.fromtimestamp(seconds, UTC)
    assert matching_step(SEED, totp[2:], now=now, after=ALWAYS) == seconds // 30


@given(offset=st.integers(-20, 20), seconds=st.integers(0, 29))
def test_p_mfa_1_the_window_is_one_step_wide_on_either_side(offset: int, seconds: int) -> None:
    now = datetime.fromtimestamp(PRESENT * 30 + seconds, UTC)
    found = matching_step(SEED, code(PRESENT + offset), now=now, after=ALWAYS)
    assert found == (PRESENT + offset if abs(offset) <= 1 else None)


@given(after=st.integers(PRESENT - 3, PRESENT + 3), offset=st.integers(-1, 1))
def test_p_mfa_1_no_code_counts_that_is_not_later_than_the_last(after: int, offset: int) -> None:
    step = PRESENT + offset
    found = matching_step(SEED, code(step), now=NOW, after=after)
    assert found == (step if step > after else None)


@given(text=st.text(max_size=12))
def test_p_mfa_1_a_code_has_one_spelling(text: str) -> None:
    right = {code(PRESENT + offset) for offset in (-1, 0, 1)}
    assert (matching_step(SEED, text, now=NOW, after=ALWAYS) is not None) == (text in right)


@pytest.mark.parametrize("zero", [0xFF10, 0x0660, 0x0966, 0x1D7CE])
def test_p_mfa_1_only_ascii_digits_are_digits(zero: int) -> None:
    respelled = "".join(chr(zero + int(digit)) for digit in code(PRESENT))
    assert respelled.isdigit()
    assert matching_step(SEED, respelled, now=NOW, after=ALWAYS) is None


def test_another_seed_has_other_codes() -> None:
    seeds = {new_seed() for _ in range(50)}
    assert len(seeds) == 50
    assert {len(seed) for seed in seeds} == {20}
    found = [matching_step(seed, code(PRESENT), now=NOW, after=ALWAYS) for seed in seeds]
    assert found.count(None) >= 48


def test_an_app_reads_from_the_uri_what_it_needs() -> None:
    uri = otpauth_uri(SEED, issuer="auth.example.com", username="ada")

    assert pyotp.parse_uri(uri).at(NOW) == code(PRESENT)
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/auth.example.com:ada")
    assert parse_qs(parts.query) == {"secret": [seed_text(SEED)], "issuer": ["auth.example.com"]}


def test_a_step_is_thirty_seconds() -> None:
    assert step_at(NOW + timedelta(seconds=22.9)) == PRESENT
    assert step_at(NOW + timedelta(seconds=23)) == PRESENT + 1
