"""How an imported password hash is kept: as it came or, if it is weak, under one of our own."""

from dataclasses import dataclass, field

from authsvc.domain.foreign_hashes.foreign_hash import CostOutOfRange, ForeignHash, UnsupportedHash
from authsvc.domain.foreign_hashes.schemes import read_hash

_WRAPPED = "over:"


@dataclass(frozen=True, slots=True)
class ImportedHash:
    """A foreign hash as an account keeps it."""

    foreign: ForeignHash
    wrapping: str = field(default="", repr=False)
    """Our hash of the foreign one, whose digest is then not kept; empty if it is kept itself."""

    @property
    def stored(self) -> str:
        """The text that is kept."""
        if not self.wrapping:
            return self.foreign.text
        return f"{_WRAPPED}{self.foreign.setting}|{self.wrapping}"


def read_imported(stored: str) -> ImportedHash | None:
    """Read what an account keeps; None if no login may compute it (P-PW-5)."""
    try:
        if not stored.startswith(_WRAPPED):
            return ImportedHash(read_hash(stored))
        setting, _, wrapping = stored.removeprefix(_WRAPPED).rpartition("|")
        return ImportedHash(read_hash(setting), wrapping)
    except (UnsupportedHash, CostOutOfRange):
        return None
