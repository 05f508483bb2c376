"""The cache remembers authentic tokens by the whole of them, and nothing that can change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.cache import TokenCache
from authsvc.verify.claims import Claims
from authsvc.verify.keyring import KeyRing
from authsvc.verify.verifier import TokenVerifier
from tests.verify.minting import ISSUER, LEEWAY, MAX_LIFETIME, RING, mint


class _Counting(TokenVerifier):
    """Counts the signatures that are checked."""

    def __init__(self) -> None:
        super().__init__(issuer=ISSUER, max_lifetime=MAX_LIFETIME, leeway=LEEWAY)
        self.checked: list[str] = []

    def read(self, token: str, *, keys: KeyRing) -> Claims:
        self.checked.append(token)
        return super().read(token, keys=keys)


def _token(number: int) -> str:
    return mint(jti=f"{number:022}")


TOKENS = [_token(number) for number in range(12)]


@pytest.mark.parametrize("text", ["\ud800", "\udfff.e.e", "é", TOKENS[0] + "\ud800"])
def test_what_is_not_ascii_is_malformed_and_not_looked_at(text: str) -> None:
    """Not even a lone surrogate, which is no text and has no bytes, does anything else."""
    verifier = _Counting()

    with pytest.raises(TokenInactive) as refusal:
        TokenCache(verifier, capacity=10).read(text, keys=RING)

    assert refusal.value.defect is TokenDefect.MALFORMED
    assert verifier.checked == []


def test_a_signature_is_checked_once() -> None:
    verifier = _Counting()
    cache = TokenCache(verifier, capacity=10)

    first, again = (cache.read(TOKENS[0], keys=RING) for _ in range(2))

    assert first is again
    assert verifier.checked == [TOKENS[0]]


@pytest.mark.parametrize("length", [20, 64, 100, 300])
def test_p_tok_7_a_token_that_begins_like_a_known_one_is_judged_alone(length: int) -> None:
    cache = TokenCache(_Counting(), capacity=10)
    known = TOKENS[0]
    cache.read(known, keys=RING)

    for forged in (known[:length], known[:length] + "A" * (len(known) - length), known + "A"):
        with pytest.raises(TokenInactive):
            cache.read(forged, keys=RING)


def test_p_tok_7_what_was_refused_is_not_remembered_as_good() -> None:
    cache = TokenCache(_Counting(), capacity=10)
    for _ in range(2):
        with pytest.raises(TokenInactive):
            cache.read(TOKENS[0], keys=KeyRing(()))
    assert cache.read(TOKENS[0], keys=RING).token_id == f"{0:022}"


def test_p_key_3_a_ring_without_the_key_refuses_what_was_read_with_it() -> None:
    cache = TokenCache(_Counting(), capacity=10)
    cache.read(TOKENS[0], keys=RING)

    with pytest.raises(TokenInactive):
        cache.read(TOKENS[0], keys=KeyRing(()))


def test_p_tok_4_a_token_of_megabytes_is_not_even_hashed() -> None:
    verifier = _Counting()
    with pytest.raises(TokenInactive):
        TokenCache(verifier, capacity=10).read("é" * 3_000_000, keys=RING)
    assert verifier.checked == []


@given(st.lists(st.integers(0, 11), max_size=60))
def test_the_cache_is_bounded_keeps_what_is_in_use_and_never_mixes_tokens(
    numbers: list[int],
) -> None:
    verifier = _Counting()
    cache = TokenCache(verifier, capacity=4)
    for position, number in enumerate(numbers):
        before = len(verifier.checked)
        assert cache.read(TOKENS[number], keys=RING).token_id == f"{number:022}"
        if number in numbers[max(0, position - 2) : position]:  # one of the last two
            assert len(verifier.checked) == before
        assert len(cache._known[1]) <= 4
