"""Known devices: those that a login has succeeded on before.

Guesses on a known device are counted by themselves. So whoever guesses elsewhere can't lock the
owner out, and a stolen device gets as few guesses as any stranger.
"""

from datetime import datetime
from typing import Protocol

from authsvc.domain.accounts import Account
from authsvc.domain.clock import Clock
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.domain.sessions import ClientInfo

SHORTEST_DEVICE_ID = 22
"""Characters: 128 random bits in base64url. A shorter id could be guessed and makes nothing known."""

MAX_DEVICES = 10
"""Known devices of an account; one more makes the one forgotten that was used longest ago."""


class DeviceStore(Protocol):
    """Keeps known devices in SQL. Fails closed: StoreUnavailable.

    They are forgotten with their account, and whenever its epoch is raised.
    """

    def is_known(self, device: bytes) -> bool:
        """Say whether a device is known."""

    def remember(
        self, account_id: str, device: bytes, *, epoch: int, limit: int, now: datetime
    ) -> None:
        """Make a device known or note that it was used; MUST NOT if the epoch has been raised."""

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
        device = self._pseudonym(subject, client)
        return device if device is not None and self._store.is_known(device) else None

    def remember(self, account: Account, client: ClientInfo) -> None:
        """Know the device from now on; a login on it has just succeeded."""
        device = self._pseudonym(account.account_id, client)
        if device is not None:
            self._store.remember(
                account.account_id,
                device,
                epoch=account.epoch,
                limit=MAX_DEVICES,
                now=self._clock(),
            )

    def forget_old(self) -> None:
        """Forget devices that have not been used for long."""
        self._store.purge(self._clock())

    def _pseudonym(self, subject: str, client: ClientInfo) -> bytes | None:
        if len(client.device_id) < SHORTEST_DEVICE_ID:
            return None
        return self._pseudonyms.of("device", subject, client.device_id)
