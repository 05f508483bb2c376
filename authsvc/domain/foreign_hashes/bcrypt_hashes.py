"""bcrypt, as OpenBSD, PHP, Django, Devise and Spring write it.

It takes the first 72 bytes of a password and leaves out the rest. So did the system that the hash
comes from, and so a longer password matches here as it did there; once it is turned into our own
hash, all of it counts. A NUL byte ends the password in one implementation, repeats it in the next
and is refused by a third: here it matches nothing.
"""

import re
from functools import partial

import bcrypt

from authsvc.domain.foreign_hashes.foreign_hash import CostOutOfRange, ForeignHash, HashKind

FAMILY = "bcrypt"
_FORM = re.compile(
    r"\$2[aby]\$(?P<cost>[0-9]{2})\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31})?"
)
_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SALT_BITS, _DIGEST_BITS = 0b110000, 0b111100
"""Which bits of the last character belong to the 16 bytes of a salt, the 23 of a digest."""
_LEAST_COST, _MOST_COST = 4, 14
_STRONG_COST = 10
"""ASVS 5, appendix C."""
_MOST_BYTES = 72


def read(text: str) -> ForeignHash | None:
    """Read a hash, or None if it is not of this scheme.

    Raises:
        CostOutOfRange: It can't be computed in the time that a login may take.

    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    cost = int(found["cost"])
    if not _LEAST_COST <= cost <= _MOST_COST:
        raise CostOutOfRange(f"The cost of bcrypt must lie between {_LEAST_COST} and {_MOST_COST}.")
    # One spelling for one hash: some systems leave rubbish in the unused bits.
    setting = f"$2b${cost:02}${_clean(found['salt'], _SALT_BITS)}"
    return ForeignHash(
        kind=HashKind(FAMILY, cost),
        is_weak=cost < _STRONG_COST,
        setting=setting,
        digest=_clean(found["digest"], _DIGEST_BITS) if found["digest"] else "",
        compute=partial(_compute, setting.encode()),
    )


def spend(_family: str, done: int, total: int) -> None:
    """Spend what a hash of cost `total` costs more than one of cost `done`; 0 is nothing done."""
    for cost in range(done, total) if done else (total,):
        bcrypt.hashpw(
            b"", f"$2b${cost:02}${'.' * 22}".encode()
        )  # 2^a, and then 2^a + 2^(a+1) + …, make 2^b


def _compute(setting: bytes, password: bytes) -> str:
    if b"\0" in password:
        raise ValueError
    return bcrypt.hashpw(password[:_MOST_BYTES], setting)[len(setting) :].decode("ascii")


def _clean(encoded: str, bits: int) -> str:
    return encoded[:-1] + _ALPHABET[_ALPHABET.index(encoded[-1]) & bits]
