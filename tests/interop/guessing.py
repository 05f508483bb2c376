"""Tokens by chance, near to good ones, as vectors: what the library decides, all must decide."""

import json
import random
from collections.abc import Iterator
from typing import Any

from authsvc.errors import TokenInactive
from authsvc.verify.binding import require_certificate
from tests.vectors.contents import ACTIVE, INACTIVE, USUAL, Case, Group
from tests.verify.minting import AUDIENCE, CLAIMS, HEADER, JWKS, NOW, RING, SIGN, VERIFIER, assemble

COUNT = 1500

_FRAGMENTS = (
    *(r"\u0000", r"\ud800", r"\udc00", r"\ud83d\ude00", r"\u00e9", r"\U0041", r"\x41", r"\/", "\\"),
    *('"', "'", "{", "}", "[", "]", ",", ":", " ", "\t", "\n", "\r", "\f", "\v", "\0", "\x7f"),
    *("0", "-0", "00", "-", "1.", ".5", "1e5", "1E+2", "1e", "1e400", "9" * 31, "9" * 33, "-1"),
    *(
        "true",
        "false",
        "null",
        "NaN",
        "Infinity",
        "tru",
        "é",
        "😀",
        "\u2028",
        "\ufeff",
        "//",
        "/**/",
    ),
    *(
        '"a":1',
        '"iss":"x"',
        '"cnf":{}',
        '"nbf":1',
        '"act":{}',
        '"__proto__":1',
        "[[[[[[[[[]]]]]]]]]",
    ),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, NOW, float(NOW), 2**53, 2**53 - 1, 2**63, 2**64, 10**30),
    *("", " ", "a", "a b", "acc_", "acc_\n", "svc_x", "orders", "é", [], ["a"], [1], {}, {"a": 1}),
    *({"sub": "svc_a", "epoch": 1, "sid": "s"}, {"x5t#S256": "A" * 43}, ["t"], ["t", "u"]),
)
_TIME_END = 253_402_300_800
"""The year 10000, which ProtoJSON does not know."""
_LETTERS = "AaZz09-_+/=. \n"


def vectors(seed: int) -> dict[str, Any]:
    """Give a file of vectors; the same for the same seed."""
    cases = list(_cases(random.Random(seed)))
    return json.loads(
        Group(name="guessed", about=f"Guessed from seed {seed}.", cases=cases).written()
    )


def _cases(chance: random.Random) -> Iterator[Case]:
    for number in range(COUNT):
        token = chance.choice((_other_claims, _other_text, _other_token))(chance)
        try:
            claims = VERIFIER.verify(token, keys=RING, audience=AUDIENCE, now=USUAL.now)
            require_certificate(claims, b"")
        except TokenInactive as error:
            name = f"{number} {error.defect.name}"
            yield Case(name=name, token=token, decision=INACTIVE, defect=error.defect.name)
        else:
            if claims.authenticated_at < _TIME_END:
                yield Case(name=f"{number} good", token=token, decision=ACTIVE)


def _signed(header: str, payload: str) -> str:
    return assemble(header.encode(), payload.encode(), SIGN[json.loads(header)["alg"]])


def _header(chance: random.Random) -> str:
    algorithm = chance.choice(list(JWKS))
    return json.dumps({**HEADER, "alg": algorithm, "kid": JWKS[algorithm]["kid"]})


def _other_claims(chance: random.Random) -> str:
    """Give some claims other values, or take them away."""
    claims: dict[str, Any] = dict(CLAIMS)
    for _ in range(chance.randint(1, 2)):
        name = chance.choice([*CLAIMS, "act", "lineage", "lineage_keys", "cnf", "other"])
        if chance.random() < 0.1:
            claims.pop(name, None)
        else:
            claims[name] = chance.choice(_VALUES)
    return _signed(_header(chance), json.dumps(claims))


def _other_text(chance: random.Random) -> str:
    """Put a piece of text into the payload, or take some of it out."""
    payload = json.dumps({**CLAIMS, "other": ["text", 1, {"deep": None}]}, ensure_ascii=False)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(payload) + 1)
        gone = chance.choice((0, 0, 0, 1, 2))
        payload = payload[:at] + chance.choice(_FRAGMENTS) + payload[at + gone :]
    return _signed(_header(chance), payload)


def _other_token(chance: random.Random) -> str:
    """Change letters of a good token."""
    token = _signed(_header(chance), json.dumps(CLAIMS))
    at = chance.randrange(len(token) + 1)
    gone = chance.choice((0, 1, 1))
    return token[:at] + chance.choice(_LETTERS) + token[at + gone :]
