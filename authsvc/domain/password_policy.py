"""Which new passwords are accepted (NIST SP 800-63B-4, 3.1.1.2; ASVS 6.2).

They are long enough, hard to guess, not made of what everybody knows of the account and the
service, and not known from a breach. No rules of composition, no expiry. What is cheap is checked
first.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from authsvc.domain import opaque_string
from authsvc.domain.password_guessing import ALONE, WITH_SECOND_FACTOR, Resistance, unleet, weakness
from authsvc.errors import FieldViolation, PasswordRejected

MAX_PASSWORD_BYTES = 1024
"""Longer input is refused before it is hashed (CVE-2013-1443); well above the 64 code points that
NIST SP 800-63B-4, 3.1.1.2 asks for."""

MIN_LENGTH_WITH_SECOND_FACTOR = 8
"""Code points, for an account whose login takes a second factor as well (3.1.1.2)."""

_LEAST_WORD = 3
"""Shorter parts of names are in every other password."""


class BreachList(Protocol):
    """Knows passwords that were breached. Fails closed: StoreUnavailable, and none is accepted."""

    def contains(self, sha1: bytes) -> bool:
        """Say whether a password with this SHA-1 is known.

        Raises:
            StoreUnavailable: The list can't be read.

        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """Judges new passwords."""

    min_length: int = 15
    """Code points after `opaque_string.prepare`, if the password is all that a login takes."""
    service_names: tuple[str, ...] = ()
    """What the service is called, which no password may be made of."""
    breach_list: BreachList | None = None

    def check(
        self,
        password: str,
        *,
        field: str,
        names: tuple[str, ...] = (),
        has_second_factor: bool = False,
    ) -> None:
        """Accept a new password or say what is wrong with it.

        Args:
            password: The password as it was given.
            field: The field of the request that it came in.
            names: What the account is known by: its user name and e-mail address.
            has_second_factor: Whether its login takes a second factor as well.

        Raises:
            PasswordRejected: It breaks the policy.
            StoreUnavailable: Whether it was breached can't be found out.

        """
        least = self._min_length(has_second_factor=has_second_factor)
        reasons = list(_formal_faults(password, least))
        if not reasons:
            resistance = WITH_SECOND_FACTOR if has_second_factor else ALONE
            words = _words((*names, *self.service_names))
            reasons = list(self._faults(opaque_string.prepare(password), words, resistance))
        if reasons:
            raise PasswordRejected(*(FieldViolation(field, reason) for reason in reasons))

    def _min_length(self, *, has_second_factor: bool) -> int:
        return MIN_LENGTH_WITH_SECOND_FACTOR if has_second_factor else self.min_length

    def _faults(self, text: str, words: frozenset[str], least: Resistance) -> Iterator[str]:
        if (fault := weakness(text, least)) is not None:
            yield fault
        elif (rest := _without(text, words)) != text and weakness(rest, least) is not None:
            yield (
                "It is made from the account's own name or e-mail address, or the service's name, "
                "and what is left without them is easy to guess; add other words."
            )
        elif self.breach_list is not None and self.breach_list.contains(_sha1(text)):
            yield "It is known from a data breach; choose another."


def _formal_faults(password: str, min_length: int) -> Iterator[str]:
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
        yield f"It is longer than {MAX_PASSWORD_BYTES} bytes."
        return
    if len(opaque_string.prepare(password)) < min_length:
        yield f"It needs at least {min_length} characters; a few words do."
    if password and not opaque_string.is_allowed(password):
        yield (
            "It holds a control character, an invisible one or one that not every system knows, or "
            "begins with a combining mark; leave it out."
        )


def _words(names: Iterable[str]) -> frozenset[str]:
    """Take names apart into the words that they consist of, and these read backwards."""
    parts = {_folded(part) for name in names for part in (name, *re.split(r"[\W_]+", name))}
    long_enough = {part for part in parts if len(part) >= _LEAST_WORD}
    return frozenset(long_enough | {part[::-1] for part in long_enough})


def _without(text: str, words: frozenset[str]) -> str:
    """Cut out every occurrence of the words, in any case and leet spelling."""
    folded, kept = _folded(text), bytearray(b"\1" * len(text))
    for word in words:
        at = folded.find(word)
        while at >= 0:
            kept[at : at + len(word)] = bytes(len(word))
            at = folded.find(word, at + 1)
    return "".join(itertools.compress(text, kept))


def _folded(text: str) -> str:
    """One character for each, so that places stay."""
    return unleet("".join(low if len(low := c.lower()) == 1 else c for c in text))


def _sha1(text: str) -> bytes:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()
