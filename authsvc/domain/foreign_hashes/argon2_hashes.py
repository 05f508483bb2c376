"""Argon2 (RFC 9106) with other parameters than ours, as PHC strings."""

import re
from functools import partial

from argon2.low_level import Type, hash_secret_raw

from authsvc.domain.foreign_hashes import unpadded
from authsvc.domain.foreign_hashes.foreign_hash import CostOutOfRange, ForeignHash, HashKind

TYPES = {"argon2id": Type.ID, "argon2i": Type.I}
_FORM = re.compile(
    r"\$(?P<type>argon2id|argon2i)\$v=19\$"
    r"m=(?P<m>[1-9][0-9]{0,9}),t=(?P<t>[1-9][0-9]{0,9}),p=(?P<p>[1-9][0-9]{0,9})\$"
    r"(?P<salt>[+/A-Za-z0-9]{11,86})\$(?P<digest>[+/A-Za-z0-9]{22,86})?"
)
_MOST_MEMORY_KIB = 128 * 1024
_MOST_FILLED_KIB = 1024 * 1024
"""m t, which the time grows with."""
_MOST_LANES = 16
_STRONG_FILLED_KIB = 2 * 19_456
"""The OWASP profile, the floor of ASVS 5, appendix C."""
_DIGEST_BYTES = 32


def read(text: str) -> ForeignHash | None:
    """Read a hash, or None if it is not of this scheme.

    Raises:
        CostOutOfRange: It can't be computed in the time or memory that a login may take.

    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    salt, digest = unpadded.decode(found["salt"]), unpadded.decode(found["digest"] or "")
    if salt is None or digest is None:
        return None
    memory, passes, lanes = int(found["m"]), int(found["t"]), int(found["p"])
    if lanes > _MOST_LANES or not 8 * lanes <= memory <= _MOST_MEMORY_KIB:
        raise CostOutOfRange("Argon2 may take 8 KiB a lane to 128 MiB, and at most 16 lanes.")
    if memory * passes > _MOST_FILLED_KIB:
        raise CostOutOfRange("Argon2 may fill at most 1 GiB: m times t, with m in KiB.")
    return ForeignHash(
        kind=HashKind(f"{found['type']}:{memory}:{lanes}", passes),
        is_weak=memory * passes < _STRONG_FILLED_KIB,
        setting=text.removesuffix(found["digest"] or ""),
        digest=unpadded.encode(digest),
        compute=partial(
            _compute, found["type"], memory, passes, lanes, salt, len(digest) or _DIGEST_BYTES
        ),
    )


def spend(family: str, done: int, total: int) -> None:
    """Spend what `total` passes cost more than `done`."""
    name, memory, lanes = family.split(":")
    if total > done:
        _compute(name, int(memory), total - done, int(lanes), bytes(16), _DIGEST_BYTES, b"")


def _compute(  # noqa: PLR0917 - the parameters of the RFC
    name: str, memory: int, passes: int, lanes: int, salt: bytes, size: int, password: bytes
) -> str:
    raw = hash_secret_raw(password, salt, passes, memory, lanes, size, TYPES[name])
    return unpadded.encode(raw)
