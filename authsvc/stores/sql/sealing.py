"""Sealing: secrets at rest under the master key (AES-256-GCM, NIST SP 800-38D; ASVS 11.3.2).

A sealed secret is a format byte, four bytes that tell which master key sealed it, a nonce, and the
ciphertext with its tag. The purpose is authenticated with it, so that a sealed secret that is moved
to another row does not open there.
"""

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASTER_KEY_BYTES = 32

_FORMAT = b"\x01"
_FINGERPRINT_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = len(_FORMAT) + _FINGERPRINT_BYTES


class WrongMasterKey(Exception):
    """The secret was sealed under another master key than the configured one."""


class SealBroken(Exception):
    """What should be a sealed secret was damaged, changed or moved from its place."""


class Sealer:
    """Seals and opens secrets with one master key."""

    def __init__(self, master_key: bytes) -> None:
        """Take the master key.

        Raises:
            ValueError: It is not 32 bytes long.

        """
        if len(master_key) != MASTER_KEY_BYTES:
            message = f"the master key must be {MASTER_KEY_BYTES} bytes long"
            raise ValueError(message)
        self._cipher = AESGCM(master_key)
        self._fingerprint = hashlib.sha256(master_key).digest()[:_FINGERPRINT_BYTES]

    def seal(self, plaintext: bytes, purpose: str) -> bytes:
        """Seal a secret for one purpose."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._cipher.encrypt(nonce, plaintext, purpose.encode())
        return _FORMAT + self._fingerprint + nonce + ciphertext

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Give the secret that was sealed for this purpose.

        Raises:
            WrongMasterKey: It was sealed under another master key.
            SealBroken: It was damaged or changed, or sealed for another purpose.

        """
        if sealed[: len(_FORMAT)] != _FORMAT:
            message = f"the secret for {purpose} has an unknown format"
            raise SealBroken(message)
        fingerprint = sealed[len(_FORMAT) : _HEADER_BYTES]
        if fingerprint != self._fingerprint:
            message = (
                f"the secret for {purpose} was sealed under the master key {fingerprint.hex()}, "
                f"the configured one is {self._fingerprint.hex()}"
            )
            raise WrongMasterKey(message)
        nonce = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        ciphertext = sealed[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, purpose.encode())
        except (InvalidTag, ValueError):
            message = f"the secret for {purpose} was damaged, changed or moved"
            raise SealBroken(message) from None
