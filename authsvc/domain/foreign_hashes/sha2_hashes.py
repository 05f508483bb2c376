"""Salted SHA-2: SHA-crypt of Unix (`$5$`, `$6$`), and `{SSHA256}` and `{SSHA512}` of LDAP.

Graphics cards try so many passwords against any of them that all count as weak.
"""

import hashlib
import re
from functools import partial

from passlib.hash import sha256_crypt, sha512_crypt

from authsvc.domain.foreign_hashes import unpadded
from authsvc.domain.foreign_hashes.foreign_hash import CostOutOfRange, ForeignHash, HashKind

CRYPTS = {"sha256-crypt": (sha256_crypt, 43), "sha512-crypt": (sha512_crypt, 86)}
"""The scheme of each family, and the length of its digests."""

_CRYPT = re.compile(
    r"\$(?P<number>[56])\$(?:rounds=(?P<rounds>[1-9][0-9]{0,9})\$)?"
    r"(?P<salt>[./A-Za-z0-9]{0,16})\$(?P<digest>[./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})?"
)
_FAMILIES = {"5": "sha256-crypt", "6": "sha512-crypt"}
_USUAL_ROUNDS = 5_000
_LEAST_ROUNDS, _MOST_ROUNDS = 1_000, 1_000_000

_LDAP = re.compile(r"\{SSHA(?P<bits>256|512)\}(?P<rest>[+/A-Za-z0-9]{1,256})={0,2}")
_KEPT = re.compile(
    r"\{SSHA(?P<bits>256|512)\}(?P<salt>[+/A-Za-z0-9]{1,256})\$(?P<digest>[+/A-Za-z0-9]{43}|[+/A-Za-z0-9]{86})?"
)


def read(text: str) -> ForeignHash | None:
    """Read a hash, or None if it is not of these schemes.

    Raises:
        CostOutOfRange: It can't be computed in the time that a login may take.

    """
    return _read_crypt(text) or _read_ldap(text) or _read_kept(text)


def spend(family: str, done: int, total: int) -> None:
    """Spend what `total` rounds cost more than `done`."""
    if total > done:
        _crypt(family, "salt", max(total - done, _LEAST_ROUNDS), b"")


def _read_crypt(text: str) -> ForeignHash | None:
    found = _CRYPT.fullmatch(text)
    if found is None:
        return None
    family, digest = _FAMILIES[found["number"]], found["digest"] or ""
    if len(digest) not in (0, CRYPTS[family][1]):
        return None
    rounds = int(found["rounds"] or _USUAL_ROUNDS)
    if not _LEAST_ROUNDS <= rounds <= _MOST_ROUNDS:
        raise CostOutOfRange(f"SHA-crypt may have {_LEAST_ROUNDS:,} to {_MOST_ROUNDS:,} rounds.")
    return ForeignHash(
        kind=HashKind(family, rounds),
        is_weak=True,
        setting=text.removesuffix(digest),
        digest=digest,
        compute=partial(_crypt, family, found["salt"], rounds),
    )


def _crypt(family: str, salt: str, rounds: int, password: bytes) -> str:
    scheme, length = CRYPTS[family]
    made: str = scheme.using(salt=salt, rounds=rounds).hash(password)
    return made[-length:]


def _read_ldap(text: str) -> ForeignHash | None:
    """Read digest and salt, which LDAP writes one behind the other."""
    found = _LDAP.fullmatch(text)
    raw = unpadded.decode(found["rest"]) if found else None
    if found is None or raw is None:
        return None
    size = int(found["bits"]) // 8
    if len(raw) <= size:
        return None
    return _ldap(found["bits"], raw[size:], unpadded.encode(raw[:size]))


def _read_kept(text: str) -> ForeignHash | None:
    """Read our own spelling, in which the digest comes last and may be missing."""
    found = _KEPT.fullmatch(text)
    salt = unpadded.decode(found["salt"]) if found else None
    if found is None or salt is None:
        return None
    return _ldap(found["bits"], salt, found["digest"] or "")


def _ldap(bits: str, salt: bytes, digest: str) -> ForeignHash:
    return ForeignHash(
        kind=None,
        is_weak=True,
        setting=f"{{SSHA{bits}}}{unpadded.encode(salt)}$",
        digest=digest,
        compute=lambda password: unpadded.encode(
            hashlib.new(f"sha{bits}", password + salt).digest()
        ),
    )
