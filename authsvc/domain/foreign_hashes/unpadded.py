"""Base64 without padding, as password hashes write their bytes."""

import base64
import binascii


def decode(text: str) -> bytes | None:
    """Give the bytes; None if no bytes are written so."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None


def encode(raw: bytes) -> str:
    """Write bytes."""
    return base64.b64encode(raw).decode("ascii").rstrip("=")
