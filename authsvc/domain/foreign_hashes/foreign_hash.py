"""What a foreign hash is to a login: something to compare with, and what that costs."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field


class UnsupportedHash(Exception):
    """The text has none of the forms that are understood."""


class CostOutOfRange(Exception):
    """The hash costs more than a login may, or less than its own scheme allows; a sentence."""


@dataclass(frozen=True, slots=True)
class HashKind:
    """What it costs to compute a hash: two of one kind take the same time."""

    family: str
    """The scheme, and those of its parameters that no amount of work can make up for."""
    work: int
    """Grows with the time; what it counts is the family's own. At least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignHash:
    """A hash that another system made, within the costs that a login may have."""

    kind: HashKind | None
    """None if it costs next to nothing."""
    is_weak: bool
    """Whether a guess costs too little for the hash to be kept as it is."""
    setting: str
    """All but the digest: scheme, costs and salt, in the one spelling that is kept."""
    digest: str = field(repr=False)
    """Empty if only the setting was read."""
    compute: Callable[[bytes], str] = field(repr=False)
    """Gives the digest that a password would have.

    Raises ValueError, before any work, for a password that the scheme can't take.
    """

    @property
    def text(self) -> str:
        """The whole hash."""
        return self.setting + self.digest

    def matches(self, password: str) -> bool:
        """Say whether a password is the hashed one, as the other system would have."""
        return hmac.compare_digest(self.text_of(password).encode(), self.text.encode())

    def text_of(self, password: str) -> str:
        """Give the hash that a password would have had; "" if the scheme can't take it.

        The password counts as it was typed, byte for byte. The work is done in any case.
        """
        try:
            return self.setting + self.compute(password.encode())
        except ValueError:
            self.compute(b"")
            return ""
