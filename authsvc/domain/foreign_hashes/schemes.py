"""All the schemes together: whose a hash is, and what a login owes for the kinds that are kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from authsvc.domain.foreign_hashes import (
    argon2_hashes,
    bcrypt_hashes,
    pbkdf2_hashes,
    scrypt_hashes,
    sha2_hashes,
)
from authsvc.domain.foreign_hashes.foreign_hash import ForeignHash, HashKind, UnsupportedHash

_READERS: Sequence[Callable[[str], ForeignHash | None]] = (
    bcrypt_hashes.read,
    pbkdf2_hashes.read,
    argon2_hashes.read,
    scrypt_hashes.read,
    sha2_hashes.read,
)

_SPENDERS: Mapping[str, Callable[[str, int, int], None]] = {
    bcrypt_hashes.FAMILY: bcrypt_hashes.spend,
    scrypt_hashes.PREFIX: scrypt_hashes.spend,
    **dict.fromkeys(pbkdf2_hashes.DIGESTS, pbkdf2_hashes.spend),
    **dict.fromkeys(argon2_hashes.TYPES, argon2_hashes.spend),
    **dict.fromkeys(sha2_hashes.CRYPTS, sha2_hashes.spend),
}


def read_hash(text: str) -> ForeignHash:
    """Read a hash.

    Raises:
        UnsupportedHash: It has none of the forms that are understood.
        CostOutOfRange: It can't be computed in the time or memory that a login may take.

    """
    for read in _READERS:
        if found := read(text):
            return found
    raise UnsupportedHash


def spend(kinds: Iterable[HashKind], *, done: HashKind | None) -> None:
    """Compute one hash of each family at its greatest work, but for what was done already."""
    for kind in kinds:
        own = done.work if done is not None and done.family == kind.family else 0
        _SPENDERS[kind.family.partition(":")[0]](kind.family, own, kind.work)
