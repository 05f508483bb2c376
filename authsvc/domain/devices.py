"""Known devices: those that a login has succeeded on before.

Guesses on a known device are counted by themselves. So whoever guesses elsewhere can't lock the
owner out, and a stolen device gets as few guesses as any stranger.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from authsvc.domain.accounts import Account
from authsvc.domain.clock import Clock
from authsvc.domain.identifiers import AccountId
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.domain.sessions import ClientInfo

SHORTEST_DEVICE_ID = 22
"""Characters: 128 random bits in base64url. One that could be guessed is not remembered."""

MAX_DEVICES = 10
"""Known devices of an account; one more makes the one forgotten that was used longest ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device on which an account has logged in."""

    pseudonym: bytes = field(repr=False)
    """Of the account and the device id together: elsewhere the same device is another."""
    account_id: AccountId
    epoch: int
    """The account's at the login."""


class DeviceStore(Protocol):
    """Keeps known devices in SQL. Fails closed: StoreUnavailable.

    They are forgotten with their account, and whenever its epoch is raised.
    """

    def is_known(self, pseudonym: bytes) -> bool:
        """Say whether a device is known."""

    def remember(self, device: Device, *, limit: int, now: datetime) -> None:
        """Make a device known or note that it was used.

        MUST NOT if the account's epoch is no longer the device's. Of more than `limit` devices of
        an account those are forgotten that were used longest ago.
        """

    def purge(self, now: datetime) -> int:
        """Forget devices that have not been used for long; say how many."""


class KnownDevices:
    """Knows the devices of accounts again."""

    def __init__(self, *, store: DeviceStore, pseudonyms: Pseudonyms, clock: Clock) -> None:
        self._store = store
        self._pseudonyms = pseudonyms
        self._clock = clock

    def find(self, subject: str, client: ClientInfo) -> bytes | None:
        """Give the pseudonym of a device that is known to an account, or None."""
        pseudonym = self._pseudonym(subject, client)
        is_known = pseudonym is not None and self._store.is_known(pseudonym)
        return pseudonym if is_known else None

    def remember(self, account: Account, client: ClientInfo) -> None:
        """Know the device from now on; a login on it has just succeeded."""
        pseudonym = self._pseudonym(account.account_id, client)
        if pseudonym is not None:
            device = Device(pseudonym=pseudonym, account_id=account.account_id, epoch=account.epoch)
            self._store.remember(device, limit=MAX_DEVICES, now=self._clock())

    def forget_old(self) -> None:
        """Forget devices that have not been used for long."""
        self._store.purge(self._clock())

    def _pseudonym(self, subject: str, client: ClientInfo) -> bytes | None:
        if len(client.device_id) < SHORTEST_DEVICE_ID:
            return None
        return self._pseudonyms.of("device", subject, client.device_id)
