"""Addresses at which a person can be reached: e-mail and phone."""

from dataclasses import dataclass
from enum import Enum

from authsvc.domain.names import canonical


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
        return canonical(self.text).encode()
