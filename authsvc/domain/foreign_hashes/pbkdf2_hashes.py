"""PBKDF2 (RFC 8018) with HMAC-SHA-2, as passlib writes it and as Django does."""

import hashlib
import re

from authsvc.domain.foreign_hashes import unpadded
from authsvc.domain.foreign_hashes.foreign_hash import CostOutOfRange, ForeignHash, HashKind

DIGESTS = {"pbkdf2-sha256": ("sha256", 32), "pbkdf2-sha512": ("sha512", 64)}
"""The hash function of each family, and the bytes of its digest."""

_PASSLIB = re.compile(
    r"\$(?P<family>pbkdf2-sha256|pbkdf2-sha512)\$(?P<rounds>[1-9][0-9]{0,9})\$"
    r"(?P<salt>[./A-Za-z0-9]{0,128})\$(?P<digest>[./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})?"
)
_DJANGO = re.compile(
    r"(?P<family>pbkdf2_sha256)\$(?P<rounds>[1-9][0-9]{0,9})\$(?P<salt>[!-#%-{}~]{1,128})\$"
    r"(?P<digest>[+/A-Za-z0-9]{43}=)?"
)
_MOST_ROUNDS = 2_000_000
_STRONG_ROUNDS = 100_000


def read(text: str) -> ForeignHash | None:
    """Read a hash, or None if it is not of this scheme.

    Raises:
        CostOutOfRange: It can't be computed in the time that a login may take.

    """
    found = _PASSLIB.fullmatch(text) or _DJANGO.fullmatch(text)
    if found is None:
        return None
    family = found["family"].replace("_", "-")
    name, size = DIGESTS[family]
    is_django = found["family"] != family
    salt = found["salt"].encode() if is_django else unpadded.decode(_standard(found["salt"]))
    digest = unpadded.decode(_standard(found["digest"] or "").rstrip("="))
    if salt is None or digest is None or len(digest) not in (0, size):
        return None
    rounds = int(found["rounds"])
    if rounds > _MOST_ROUNDS:
        raise CostOutOfRange(f"PBKDF2 may have at most {_MOST_ROUNDS:,} iterations.")
    write = _write_padded if is_django else _write_adapted
    return ForeignHash(
        kind=HashKind(family, rounds),
        is_weak=rounds < _STRONG_ROUNDS,
        setting=text.removesuffix(found["digest"] or ""),
        digest=write(digest) if digest else "",
        compute=lambda password: write(hashlib.pbkdf2_hmac(name, password, salt, rounds)),
    )


def spend(family: str, done: int, total: int) -> None:
    """Spend what `total` iterations cost more than `done`."""
    if total > done:
        hashlib.pbkdf2_hmac(DIGESTS[family][0], b"", bytes(16), total - done)


def _standard(encoded: str) -> str:
    return encoded.replace(".", "+")


def _write_adapted(raw: bytes) -> str:
    """Write bytes in passlib's own alphabet."""
    return unpadded.encode(raw).replace("+", ".")


def _write_padded(raw: bytes) -> str:
    return unpadded.encode(raw) + "=" * (-len(raw) % 3)
