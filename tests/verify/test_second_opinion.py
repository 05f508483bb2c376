"""An independent implementation (joserfc) agrees on what is authentic and what is not."""

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from authsvc.errors import TokenDefect, TokenInactive

from .hostile import HOSTILE
from .minting import CLAIMS, JWKS, RING, VERIFIER, mint

# joserfc warns of the name that RFC 8037 gave the algorithm, since RFC 9864 has narrower ones.
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

# RFC 9864 renames EdDSA to Ed25519; our header keeps the name that every library knows.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

KEYS = KeySet(
    [
        OKPKey.import_key({**JWKS["EdDSA"]}),
        ECKey.import_key({**JWKS["ES256"]}),
        RSAKey.import_key({**JWKS["RS256"]}),
    ]
)
STRICTER_THAN_RFC_7518 = {"signatures: ES256 high s"}
"""Authentic by the norm, and refused for having two spellings (P-TOK-5)."""

FORGED = [
    name
    for name, (_, defect) in HOSTILE.items()
    if defect in {TokenDefect.SIGNATURE, TokenDefect.ALGORITHM, TokenDefect.UNKNOWN_KEY}
    and name not in STRICTER_THAN_RFC_7518
]
ALGORITHMS = sorted(JWKS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_p_tok_1_both_accept_a_good_token_and_read_the_same(algorithm: str) -> None:
    """For each algorithm."""
    token = mint(algorithm)

    claims = VERIFIER.read(token, keys=RING)

    assert jwt.decode(token, KEYS, algorithms=ALGORITHMS).claims == CLAIMS
    assert claims.token_id == CLAIMS["jti"]


@pytest.mark.parametrize("name", FORGED)
def test_p_tok_1_both_refuse_a_forged_token(name: str) -> None:
    """Whatever we call not authentic, the other calls so, too."""
    token, _ = HOSTILE[name]

    with pytest.raises((JoseError, ValueError)):
        jwt.decode(token, KEYS, algorithms=ALGORITHMS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_p_tok_5_both_refuse_tampered_tokens(algorithm: str) -> None:
    """Every 25th character replaced."""
    token = mint(algorithm)
    for place in range(0, len(token) - 1, 25):
        tampered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]

        with pytest.raises((JoseError, ValueError)):
            jwt.decode(tampered, KEYS, algorithms=ALGORITHMS)
        with pytest.raises(TokenInactive):
            VERIFIER.read(tampered, keys=RING)
