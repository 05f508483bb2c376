"""The form in which passwords are compared: the profile OpaqueString of RFC 8265, 4.2.

Two steps make one password of whatever two systems type for it: each space of another script
becomes the ASCII space, and the whole is composed (NFC). Case, width and what looks alike stay as
they are. Nothing is cut off. `is_allowed` is for new passwords alone: what was never accepted
can't match, so that a login needs the two steps only.
"""

import unicodedata

from precis_i18n import get_profile

PROFILE_NAME = "OpaqueString"

_profile = get_profile(PROFILE_NAME)


def prepare(password: str) -> str:
    """Give the one form of a password. Idempotent; knows no wrong input."""
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced)


def encode(password: str) -> bytes:
    """Give the bytes that are hashed. Even a lone surrogate has some, which no password has."""
    return prepare(password).encode("utf-8", "surrogatepass")


def is_allowed(password: str) -> bool:
    """Say whether a new password holds only what every system types and composes alike.

    Refused are what the FreeformClass of RFC 8264, 4.3 refuses (control characters and NUL, lone
    surrogates, private, unassigned and invisible code points, which a later Unicode may compose
    in another way), and a combining mark at the beginning, which would join whatever stands before.
    """
    try:
        _profile.enforce(password)
    except UnicodeEncodeError:
        return False
    return not unicodedata.category(password[0]).startswith("M")
