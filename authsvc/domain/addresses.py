"""Addresses at which a person can be reached: e-mail and phone."""

import unicodedata
from dataclasses import dataclass
from enum import Enum


class AddressKind(Enum):
    """What a message to an address is sent by."""

    EMAIL = "email"
    PHONE_NUMBER = "phone_number"


@dataclass(frozen=True, slots=True)
class Address:
    """One address."""

    kind: AddressKind
    text: str
    """As it was given; a phone number after E.164."""

    @property
    def key(self) -> bytes:
        """What makes two addresses of a kind the same."""
        return email_key(self.text) if self.kind is AddressKind.EMAIL else self.text.encode()

    def reaches(self, other: "Address") -> bool:
        """Say whether a message to this address comes to whoever has the other.

        Only the case of ASCII letters may differ. Other spellings may find the same account, and
        still be the address of somebody else (CVE-2019-19844).
        """
        same_kind = self.kind is other.kind
        return same_kind and self.text.encode().lower() == other.text.encode().lower()


def email_key(email: str) -> bytes:
    """What makes two e-mail addresses the same: case and composition do not count."""
    return unicodedata.normalize("NFC", email.lower()).encode()
