"""Compares a check of a token with the check of its signature alone, as JSON, in microseconds.

What the library remembers of a token is left out: each check of it is like the first.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from nacl.bindings import crypto_sign_open

from authsvc.verify.jws import decode_base64url, parse
from authsvc.verify.keyring import KeyRing, VerificationKey
from authsvc.verify.revocations import RevocationIndex
from authsvc.verify.verifier import TokenVerifier

CHECKS = 2000
ROUNDS = 5
VECTORS = Path(__file__).parents[2] / "tests" / "vectors" / "accepted.json"


def main() -> None:
    """Measure."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    token, context = vectors["cases"][0]["token"], vectors["context"]
    ring = KeyRing(VerificationKey.from_jwk(jwk) for jwk in context["keys"])
    point = decode_base64url(context["keys"][0]["x"].encode())
    tokens = TokenVerifier(
        issuer=context["issuer"], max_lifetime=context["max_lifetime"], leeway=context["leeway"]
    )
    index, jws = RevocationIndex(), parse(token)
    signed = jws.signature + jws.signing_input

    def verify() -> None:
        claims = tokens.verify(token, keys=ring, audience=context["audience"], now=context["now"])
        index.judge(claims)

    for _ in range(ROUNDS):
        signature = microseconds(lambda: crypto_sign_open(signed, point))
        print(json.dumps({"verify": microseconds(verify), "signature": signature}))


def microseconds(check: Callable[[], object]) -> float:
    """Say how long a check takes."""
    begun = time.perf_counter()
    for _ in range(CHECKS):
        check()
    return (time.perf_counter() - begun) / CHECKS * 1e6


if __name__ == "__main__":
    main()
