"""Every hostile form of a token is refused, for the right reason, at bounded cost."""

import time

import pytest

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.jws import MAX_TOKEN_BYTES

from .hostile import HOSTILE
from .minting import AUDIENCE, CLAIMS, NOW, RING, VERIFIER, mint, with_claims, with_header

FAR_LONGER_THAN_IT_TAKES = 1.0
"""Seconds; says that nothing hangs, not how fast it is."""


@pytest.mark.parametrize("name", HOSTILE)
def test_p_tok_1_to_5_a_hostile_token_is_refused_for_the_right_reason(name: str) -> None:
    """Attack table, rows 1 to 14."""
    token, defect = HOSTILE[name]
    began = time.perf_counter()

    with pytest.raises(TokenInactive) as refusal:
        VERIFIER.verify(token, keys=RING, audience=AUDIENCE, now=NOW)

    assert refusal.value.defect is defect
    assert time.perf_counter() - began < FAR_LONGER_THAN_IT_TAKES
    assert str(refusal.value) == defect.value


def test_p_tok_1_to_5_the_table_covers_every_defect_that_is_judged_here() -> None:
    """Revocation and the certificate of the connection are judged elsewhere."""
    judged_elsewhere = {
        TokenDefect.TOKEN_REVOKED,
        TokenDefect.SESSION_REVOKED,
        TokenDefect.EPOCH,
        TokenDefect.DELEGATION,
        TokenDefect.CERTIFICATE,
    }

    assert {defect for _, defect in HOSTILE.values()} == set(TokenDefect) - judged_elsewhere
    assert len(HOSTILE) >= 120


def test_p_tok_4_the_longest_token_is_8_kib() -> None:
    """One byte more is refused before it is parsed."""
    length = len(with_claims(pad=""))
    pad = "x" * ((MAX_TOKEN_BYTES - length) * 3 // 4)
    longest = with_claims(pad=pad)

    claims = VERIFIER.verify(longest, keys=RING, audience=AUDIENCE, now=NOW)

    assert claims.token_id == CLAIMS["jti"]
    assert MAX_TOKEN_BYTES - 4 <= len(longest) <= MAX_TOKEN_BYTES
    with pytest.raises(TokenInactive) as refusal:
        VERIFIER.verify(
            longest + "A" * (MAX_TOKEN_BYTES + 1 - len(longest)),
            keys=RING,
            audience=AUDIENCE,
            now=NOW,
        )
    assert refusal.value.defect is TokenDefect.MALFORMED


def test_p_tok_4_a_token_of_over_8_kib_is_refused_though_all_else_is_right() -> None:
    """A good signature buys no longer parsing."""
    token = with_claims(pad="x" * 6200)

    with pytest.raises(TokenInactive) as refusal:
        VERIFIER.verify(token, keys=RING, audience=AUDIENCE, now=NOW)

    assert len(token) > MAX_TOKEN_BYTES
    assert refusal.value.defect is TokenDefect.MALFORMED


def test_p_tok_4_a_flood_of_headers_does_not_spoil_the_next_good_token() -> None:
    """The memory of headers is bounded and never mixes them up."""
    for number in range(300):
        with pytest.raises(TokenInactive):
            VERIFIER.read(with_header(kid=f"k{number}"), keys=RING)

    assert VERIFIER.read(mint(), keys=RING).token_id == CLAIMS["jti"]


def test_p_tok_7_tokens_with_the_same_first_characters_are_judged_alone() -> None:
    """Attack table, row 14."""
    good = mint()
    forged = good[:-2] + ("AA" if good[-2:] != "AA" else "BA")

    assert VERIFIER.read(good, keys=RING).token_id == CLAIMS["jti"]
    with pytest.raises(TokenInactive):
        VERIFIER.read(forged, keys=RING)
