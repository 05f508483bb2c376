"""Tokens that were found authentic, so that a signature is checked once (P-TOK-7).

A token is remembered under the SHA-256 of all of it, and only for the key ring that it was checked
with. Nothing that can change is remembered: audience, times and revocation are judged every time.
"""

import hashlib

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims
from authsvc.verify.jws import MAX_TOKEN_BYTES
from authsvc.verify.keyring import KeyRing
from authsvc.verify.verifier import TokenVerifier


class _Generation:
    """What was read with one key ring, in two halves."""

    __slots__ = ("newer", "older", "ring")

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.newer: dict[bytes, Claims] = {}
        self.older: dict[bytes, Claims] = {}


class TokenCache:
    """The latest authentic tokens; threads may share it.

    What is found in the older half moves to the newer one, and when that is full the older one
    goes. So what is in use stays, and no entry needs a place in a list.
    """

    def __init__(self, verifier: TokenVerifier, *, capacity: int) -> None:
        """Remember what `verifier` reads, at most `capacity` tokens."""
        self._verifier = verifier
        self._half = max(1, capacity // 2)
        self._generation = _Generation(KeyRing(()))

    def read(self, token: str, *, keys: KeyRing) -> Claims:
        """Give what a token says that a key of the ring signed.

        Raises:
            TokenInactive: See `TokenVerifier.read`. A refusal is not remembered.

        """
        generation = self._generation
        if generation.ring is not keys:
            # A thread with the ring of before starts one of its own: rings never share entries.
            generation = self._generation = _Generation(keys)
        if len(token) > MAX_TOKEN_BYTES:  # not even hashed
            raise TokenInactive(TokenDefect.MALFORMED)
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        found = generation.newer.get(digest)
        if found is None:
            found = generation.older.get(digest) or self._verifier.read(token, keys=keys)
            self._remember(generation, digest, found)
        return found

    def _remember(self, generation: _Generation, digest: bytes, found: Claims) -> None:
        if len(generation.newer) >= self._half:
            generation.older, generation.newer = generation.newer, {}
        generation.newer[digest] = found
