"""scrypt (RFC 7914), as passlib writes it."""

import hashlib
import re
from functools import partial

from authsvc.domain.foreign_hashes import unpadded
from authsvc.domain.foreign_hashes.foreign_hash import CostOutOfRange, ForeignHash, HashKind

PREFIX = "scrypt"
_FORM = re.compile(
    r"\$scrypt\$ln=(?P<ln>[1-9][0-9]?),r=(?P<r>[1-9][0-9]{0,2}),p=(?P<p>[1-9][0-9]{0,2})\$"
    r"(?P<salt>[+/A-Za-z0-9]{0,128})\$(?P<digest>[+/A-Za-z0-9]{43})?"
)
_MOST_MEMORY = 128 * 1024 * 1024
_MOST_BLOCKS = 2**21
"""N r p, which the time grows with: twice that of OWASP's N = 2^17, r = 8, p = 1."""
_STRONG_BLOCKS = 2**17
"""N = 2^14, r = 8, p = 1."""
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
    ln, r, p = int(found["ln"]), int(found["r"]), int(found["p"])
    blocks = (r * p) << ln
    if (128 * r) << ln > _MOST_MEMORY or blocks > _MOST_BLOCKS:
        raise CostOutOfRange("scrypt may take at most 128 MiB, and N r p may be at most 2^21.")
    return ForeignHash(
        kind=HashKind(f"{PREFIX}:{r}:{p}", ln),
        is_weak=blocks < _STRONG_BLOCKS,
        setting=text.removesuffix(found["digest"] or ""),
        digest=unpadded.encode(digest),
        compute=partial(_compute, salt, ln, r, p),
    )


def spend(family: str, done: int, total: int) -> None:
    """Spend what N = 2^`total` costs more than N = 2^`done`; 0 is nothing done."""
    r, p = map(int, family.split(":")[1:])
    for ln in range(done, total) if done else (total,):
        _compute(bytes(16), ln, r, p, b"")  # 2^a, and then 2^a + 2^(a+1) + …, make 2^b


def _compute(salt: bytes, ln: int, r: int, p: int, password: bytes) -> str:
    room = 128 * r * ((1 << ln) + p + 2) + 1024 * 1024
    raw = hashlib.scrypt(password, salt=salt, n=1 << ln, r=r, p=p, dklen=_DIGEST_BYTES, maxmem=room)
    return unpadded.encode(raw)
