"""What holds for every token and every text, tried with many."""

import base64
import binascii
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.errors import TokenInactive
from authsvc.verify.claims import Claims
from authsvc.verify.jws import decode_base64url

from .minting import (
    AUDIENCE,
    CLAIMS,
    HEADER,
    JWKS,
    NOW,
    RING,
    VERIFIER,
    assemble,
    encode,
    mint,
    with_payload,
)

GOOD = {algorithm: mint(algorithm) for algorithm in JWKS}
SCOPE = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1
)
WORDS = st.lists(st.text(max_size=20), max_size=5)
NAMES = st.text(min_size=1, max_size=40)
SECONDS = st.integers(0, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PIECES = st.sampled_from([*GOOD["EdDSA"].split("."), ".", "..", "=", "{}", "\n", "é", "\ud800"])


def accepted(token: str) -> Claims | None:
    """Give the claims, or None; anything but TokenInactive fails the test."""
    try:
        return VERIFIER.verify(token, keys=RING, audience=AUDIENCE, now=NOW)
    except TokenInactive:
        return None


@given(st.data())
def test_p_tok_5_any_change_of_a_character_is_refused(data: st.DataObject) -> None:
    """Replaced, dropped, doubled or put in, anywhere, for each algorithm."""
    good = GOOD[data.draw(st.sampled_from(sorted(GOOD)))]
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.characters(max_codepoint=0x7F) | st.characters(categories=["L", "Cs"]))
    width = data.draw(st.integers(0, 1))
    put_in = data.draw(st.sampled_from([letter, "", letter * 2]))

    changed = good[:place] + put_in + good[place + width :]

    assert changed == good or accepted(changed) is None


def test_p_tok_5_each_single_character_of_a_token_counts() -> None:
    """Without exception, whatever its last bits say."""
    for good in GOOD.values():
        for place, letter in enumerate(good):
            for other in "A_.":
                changed = good[:place] + other + good[place + 1 :]
                assert other == letter or accepted(changed) is None


@given(st.text() | st.lists(PIECES).map("".join))
def test_p_tok_4_any_text_is_refused_as_inactive_and_nothing_else(text: str) -> None:
    """No other exception leaves, whatever is asked."""
    assert text in GOOD.values() or accepted(text) is None


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_p_tok_4_any_signed_bytes_are_refused_as_inactive(header: bytes, payload: bytes) -> None:
    """The signature is right; the rest is not."""
    assert accepted(assemble(header, payload)) is None
    assert accepted(with_payload(payload)) is None


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), JSON, min_size=1))
def test_p_tok_4_claims_of_any_type_are_judged_or_refused(changes: dict[str, Any]) -> None:
    """Only claims equal to those of the token come out."""
    claims = accepted(with_payload(json.dumps({**CLAIMS, **changes}).encode()))

    assert claims is None or (claims.issuer == CLAIMS["iss"] and type(claims.epoch) is int)


@given(st.dictionaries(st.sampled_from([*HEADER, "crit", "jwk", "b64"]), JSON, min_size=1))
def test_p_tok_1_no_other_header_is_accepted(changes: dict[str, Any]) -> None:
    """Unless it says the very same."""
    header = {**HEADER, **changes}
    token = assemble(json.dumps(header).encode(), json.dumps(CLAIMS).encode())

    assert header == HEADER or accepted(token) is None


@settings(max_examples=50)
@given(
    algorithm=st.sampled_from(sorted(JWKS)),
    scopes=st.lists(SCOPE, max_size=5),
    roles=WORDS,
    amr=WORDS,
    names=st.tuples(NAMES, NAMES, NAMES, NAMES, NAMES),
    numbers=st.tuples(SECONDS, SECONDS, SECONDS, SECONDS),
)
def test_p_tok_3_what_was_issued_comes_out(
    *,
    algorithm: str,
    scopes: list[str],
    roles: list[str],
    amr: list[str],
    names: tuple[str, ...],
    numbers: tuple[int, ...],
) -> None:
    """Round trip through PyJWT, all of Unicode but surrogates included."""
    subject, session, token_id, client, acr = names
    issued_at, expires_at, authenticated_at, epoch = numbers
    token = mint(
        algorithm,
        sub=f"acc_{subject}",
        sid=session,
        jti=token_id,
        client_id=client,
        acr=acr,
        scope=" ".join(scopes),
        roles=roles,
        amr=amr,
        iat=issued_at,
        exp=expires_at,
        auth_time=authenticated_at,
        epoch=epoch,
    )

    claims = VERIFIER.read(token, keys=RING)

    assert claims == Claims(
        issuer=CLAIMS["iss"],
        subject=f"acc_{subject}",
        session_id=session,
        token_id=token_id,
        client_id=client,
        audience=AUDIENCE,
        scopes=tuple(scopes),
        roles=tuple(roles),
        issued_at=issued_at,
        expires_at=expires_at,
        authenticated_at=authenticated_at,
        amr=tuple(amr),
        acr=acr,
        epoch=epoch,
        actor="",
    )


@given(st.binary(max_size=200))
def test_p_tok_5_base64url_has_one_spelling(raw: bytes) -> None:
    """Only the encoding without padding decodes."""
    text = encode(raw).encode()

    assert decode_base64url(text) == raw


@given(st.binary(max_size=12) | st.text("Aw_-+/= \n.", max_size=12).map(str.encode))
def test_p_tok_5_what_decodes_encodes_to_the_same_text(text: bytes) -> None:
    """Whatever the text."""
    try:
        raw = decode_base64url(text)
    except (ValueError, binascii.Error):
        return
    assert base64.urlsafe_b64encode(raw).rstrip(b"=") == text
