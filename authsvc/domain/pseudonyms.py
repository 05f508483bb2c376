"""Pseudonyms: what stands for a name where the name itself must not be kept.

A keyed hash, so that a stolen database does not tell by trial whose names were typed or which
devices are known.
"""

import hashlib
import hmac


class Pseudonyms:
    """Gives names their pseudonyms under one secret key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, purpose: str, *parts: str) -> bytes:
        """Give the 32 bytes that stand for a name, for one purpose only."""
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (purpose, *parts):
            raw = part.encode()
            mac.update(len(raw).to_bytes(4) + raw)
        return mac.digest()
