"""Recovery codes: what one logs in with, once each, when a second factor is lost.

A code is 120 random bits in Crockford's base32, six groups of four. From 112 bits on a plain hash
will do (ASVS 6.5.2), as there is nothing to guess; the account is hashed with the code, so that
nobody can search for the codes of all accounts at once.
"""

import hashlib
import secrets
from collections.abc import Sequence

from authsvc.domain.identifiers import AccountId, account_id_bytes

COUNT = 10

_CODE_BYTES = 15
_CHARACTERS = 24
_GROUP = 4
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)} | {
    "O": 0,
    "I": 1,
    "L": 1,
}
"""Letters that are misread count as the digits that they look like."""


def new_recovery_codes() -> Sequence[str]:
    """Make a set of codes. They are shown once; only their hashes are kept."""
    return [_write(secrets.token_bytes(_CODE_BYTES)) for _ in range(COUNT)]


def hash_recovery_code(account_id: AccountId, text: str) -> bytes:
    """Give the SHA-256 under which an account's code is kept, the same for all its spellings.

    Raises:
        ValueError: The text is no recovery code.

    """
    raw = _read(text)
    return hashlib.sha256(account_id_bytes(account_id) + raw).digest()


def _write(raw: bytes) -> str:
    number = int.from_bytes(raw)
    characters = [_ALPHABET[number >> shift & 31] for shift in range(115, -1, -5)]
    text = "".join(characters)
    return "-".join(text[start : start + _GROUP] for start in range(0, _CHARACTERS, _GROUP))


def _read(text: str) -> bytes:
    """Read a code. Case, spaces and hyphens do not matter; nothing but ASCII is looked at."""
    characters = text.replace(" ", "").replace("-", "")
    if len(characters) != _CHARACTERS or not characters.isascii():
        message = "not a recovery code"
        raise ValueError(message)
    number = 0
    for character in characters.upper():
        if character not in _VALUES:
            message = "not a recovery code"
            raise ValueError(message)
        number = number << 5 | _VALUES[character]
    return number.to_bytes(_CODE_BYTES)
