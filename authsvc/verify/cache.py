"""Tokens that were found authentic, so that a signature is checked once (P-TOK-7).

A token is remembered under the SHA-256 of all of it, and only for the key ring that it was checked
with. Nothing that can change is remembered: audience, times and revocation are judged every time.
"""

import hashlib

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims
from authsvc.verify.jws import MAX_TOKEN_BYTES
from authsvc.verify.keyring import KeyRing
from authsvc.verify.recent import Recent
from authsvc.verify.verifier import TokenVerifier


class TokenCache:
    """The latest authentic tokens; threads may share it."""

    def __init__(self, verifier: TokenVerifier, *, capacity: int) -> None:
        """Remember what `verifier` reads, at most `capacity` tokens."""
        self._verifier = verifier
        self._capacity = capacity
        self._known: tuple[KeyRing, Recent[bytes, Claims]] = (KeyRing(()), Recent(capacity))

    def read(self, token: str, *, keys: KeyRing) -> Claims:
        """Give what a token says that a key of the ring signed.

        Raises:
            TokenInactive: See `TokenVerifier.read`. A refusal is not remembered.

        """
        ring, known = self._known
        if ring is not keys:
            # A thread with the ring of before starts one of its own: rings never share entries.
            known = Recent(self._capacity)
            self._known = keys, known
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():  # not even hashed
            raise TokenInactive(TokenDefect.MALFORMED)
        digest = hashlib.sha256(token.encode()).digest()
        found = known.find(digest)
        if found is None:
            found = self._verifier.read(token, keys=keys)
            known.keep(digest, found)
        return found
