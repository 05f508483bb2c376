"""Refresh tokens: one spelling each, and nothing but what was written under the key is read."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.identifiers import SessionId, encode_id
from authsvc.domain.refresh_tokens import (
    MAX_GENERATION,
    NONCE_BYTES,
    PREFIX,
    RefreshToken,
    RefreshTokenCodec,
    hash_nonce,
)
from authsvc.errors import InvalidGrant

_CODEC = RefreshTokenCodec(bytes(32))
_ALPHABET = string.ascii_letters + string.digits + "-_"

_tokens = st.builds(
    RefreshToken,
    session_id=st.binary(min_size=16, max_size=16).map(encode_id).map(SessionId),
    generation=st.integers(0, MAX_GENERATION),
    nonce=st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES),
)


@given(_tokens)
def test_p_ref_8_what_was_written_is_read_again(token: RefreshToken) -> None:
    text = _CODEC.encode(token)

    assert _CODEC.decode(text) == token
    assert text.startswith(PREFIX)
    assert set(text.removeprefix(PREFIX)) <= set(_ALPHABET)


@given(_tokens, st.data())
def test_p_ref_8_any_changed_character_is_refused(token: RefreshToken, data: st.DataObject) -> None:
    text = _CODEC.encode(token)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(_ALPHABET + "=+/ \n.ü").filter(lambda c: c != text[place]))

    with pytest.raises(InvalidGrant):
        _CODEC.decode(text[:place] + other + text[place + 1 :])


@given(_tokens, st.text(max_size=8).filter(bool))
def test_p_ref_8_anything_added_or_cut_is_refused(token: RefreshToken, extra: str) -> None:
    text = _CODEC.encode(token)

    for other in (text + extra, extra + text, text[: -len(extra)], text + "="):
        with pytest.raises(InvalidGrant):
            _CODEC.decode(other)


@given(_tokens, st.binary(min_size=32, max_size=32).filter(any))
def test_p_ref_8_another_key_reads_nothing(token: RefreshToken, key: bytes) -> None:
    with pytest.raises(InvalidGrant):
        RefreshTokenCodec(key).decode(_CODEC.encode(token))


@given(st.text())
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(InvalidGrant):
        _CODEC.decode(text)


def test_the_last_generation_has_no_successor() -> None:
    token = RefreshToken(
        session_id=SessionId(encode_id(bytes(16))), generation=MAX_GENERATION + 1, nonce=bytes(16)
    )
    with pytest.raises(InvalidGrant):
        _CODEC.decode(_CODEC.encode(token))


@given(_tokens)
def test_p_ref_8_neither_repr_nor_hash_tells_the_nonce(token: RefreshToken) -> None:
    assert repr(token.nonce) not in repr(token)
    assert token.nonce_hash == hash_nonce(token.nonce) != token.nonce
    assert token.with_generation(7).nonce_hash == token.nonce_hash
