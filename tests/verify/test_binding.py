"""A bound token is good with its certificate and with no other (P-INT-2; RFC 8705, 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.binding import require_certificate
from authsvc.verify.claims import Claims
from tests.verify.minting import AUDIENCE, NOW, RING, VERIFIER, encode, mint

SHA256 = st.binary(min_size=32, max_size=32)


def _claims(thumbprint: bytes) -> Claims:
    token = mint(cnf={"x5t#S256": encode(thumbprint)})
    return VERIFIER.verify(token, keys=RING, audience=AUDIENCE, now=NOW)


@given(SHA256, SHA256 | st.binary(max_size=40))
def test_p_int_2_a_bound_token_needs_its_own_certificate(bound: bytes, shown: bytes) -> None:
    claims = _claims(bound)
    require_certificate(claims, bound)
    if shown != bound:
        with pytest.raises(TokenInactive) as caught:
            require_certificate(claims, shown)
        assert caught.value.defect is TokenDefect.CERTIFICATE


def test_a_token_that_is_not_bound_may_come_with_any_certificate() -> None:
    claims = VERIFIER.verify(mint(), keys=RING, audience=AUDIENCE, now=NOW)
    require_certificate(claims, bytes(32))
