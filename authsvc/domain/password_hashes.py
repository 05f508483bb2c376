"""Stored password hashes: their form, what they may cost, and the pepper under them.

A hash is stored as the PHC string of argon2id. Under a pepper, its id stands in front::

    $hmac-sha256$keyid=ID$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH

and what argon2id hashed is then HMAC-SHA-256 of the password under that pepper, so that who has
stolen the database alone can't try passwords.
"""

import binascii
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import argon2

from authsvc.domain.opaque_string import encode
from authsvc.errors import Overloaded, StoreUnavailable

_MOST_MEMORY = 8
_MOST_WORK = 16
"""How many times more than a new hash, or one at the floor, a stored one may cost."""
_MOST_LANES = 16
_LEAST_MEMORY_OF_A_LANE = 8

_FORM = re.compile(
    r"(?:\$hmac-sha256\$keyid=(?P<keyid>[a-z0-9][a-z0-9_-]{0,31}))?"
    r"(?P<phc>\$argon2id\$v=19\$m=(?P<m>[1-9][0-9]{0,9}),t=(?P<t>[1-9][0-9]{0,9}),p=(?P<p>[1-9][0-9]?)"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<tag>[A-Za-z0-9+/]{22,86}))"
)

_OPERATOR_TIME = timedelta(minutes=1)
"""What only an operator can mend is not worth trying again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Profile:
    """The costs of argon2id. The default is the OWASP profile, the floor of ASVS 11.4.2."""

    time_cost: int = 2
    memory_cost_kib: int = 19_456
    parallelism: int = 1


_FLOOR = Argon2Profile()


@dataclass(frozen=True, slots=True, kw_only=True)
class Peppers:
    """The keys under which passwords are hashed, by their ids."""

    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    current: str | None = None
    """The id of the one that new hashes get; None for no pepper."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A hash, and the id of the pepper under it."""

    phc: str
    keyid: str | None

    def __str__(self) -> str:
        return self.phc if self.keyid is None else f"$hmac-sha256$keyid={self.keyid}{self.phc}"


class PasswordHashes:
    """Makes and checks hashes, in the thread that calls."""

    def __init__(self, *, profile: Argon2Profile, peppers: Peppers) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=profile.time_cost,
            memory_cost=profile.memory_cost_kib,
            parallelism=profile.parallelism,
            type=argon2.Type.ID,
        )
        self._peppers = peppers
        memory = max(profile.memory_cost_kib, _FLOOR.memory_cost_kib)
        self._most_memory = _MOST_MEMORY * memory
        self._most_work = _MOST_WORK * memory * max(profile.time_cost, _FLOOR.time_cost)
        self._dummy = self._make(os.urandom(16).hex())

    def make(self, password: str) -> str:
        """Hash a password for storage.

        Raises:
            Overloaded: There is not enough memory.

        """
        return str(self._make(password))

    def matches(self, password: str, stored: str | None) -> bool:
        """Say whether a password is the stored one; None stands for an account that has none.

        One hash of about equal cost is computed in every case, so that time tells nothing
        (CVE-2025-6011): a dummy, if nothing is stored or what is stored is not acceptable.

        Raises:
            StoreUnavailable: The pepper of the hash is not configured; nothing was hashed.
            Overloaded: There is not enough memory.

        """
        read = self._read(stored)
        matches = self._verify(password, read or self._dummy)
        return matches and read is not None

    def is_acceptable(self, stored: str) -> bool:
        """Say whether a stored hash is argon2id of a cost that a login may take.

        Its memory may be 8 times that of a new hash, and its memory times its passes 16 times; a
        profile under the floor counts as the floor. What is beyond could stop the service, and was
        not written by it.
        """
        return self._read(stored) is not None

    def has_own_costs(self, stored: str) -> bool:
        """Say whether a stored hash costs what new ones do, under a pepper that is known here."""
        read = self._read(stored)
        if read is None or not (read.keyid is None or read.keyid in self._peppers.keys):
            return False
        return not self._hasher.check_needs_rehash(read.phc)

    def needs_rehash(self, stored: str) -> bool:
        """Say whether new hashes have another form, other parameters or another pepper."""
        read = self._read(stored)
        is_under_current = read is not None and read.keyid == self._peppers.current
        return not (is_under_current and self.has_own_costs(stored))

    def _make(self, password: str) -> _Stored:
        keyid = self._peppers.current
        try:
            return _Stored(self._hasher.hash(self._peppered(password, keyid)), keyid)
        except argon2.exceptions.HashingError as error:
            raise Overloaded(str(error)) from None

    def _read(self, stored: str | None) -> _Stored | None:
        form = _FORM.fullmatch(stored or "")
        if form is None or not (_is_base64(form["salt"]) and _is_base64(form["tag"])):
            return None
        memory, passes, lanes = int(form["m"]), int(form["t"]), int(form["p"])
        possible = _LEAST_MEMORY_OF_A_LANE * lanes <= memory and lanes <= _MOST_LANES
        affordable = memory <= self._most_memory and memory * passes <= self._most_work
        return _Stored(form["phc"], form["keyid"]) if possible and affordable else None

    def _verify(self, password: str, stored: _Stored) -> bool:
        try:
            return self._hasher.verify(stored.phc, self._peppered(password, stored.keyid))
        except argon2.exceptions.VerifyMismatchError:
            return False
        except argon2.exceptions.VerificationError as error:
            raise Overloaded(str(error)) from None

    def _peppered(self, password: str, keyid: str | None) -> bytes:
        secret = encode(password)
        if keyid is None:
            return secret
        key = self._peppers.keys.get(keyid)
        if key is None:
            detail = f"the password pepper {keyid} is not configured"
            raise StoreUnavailable(detail, retry_after=_OPERATOR_TIME)
        return hmac.digest(key, secret, "sha256")


def _is_base64(text: str) -> bool:
    """Say whether a text is the one spelling of its bytes that argon2 reads."""
    try:
        raw = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        return False
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=") == text.encode()
