"""What bounds attempts at proving who one is, put together."""

from dataclasses import dataclass

from authsvc import policies
from authsvc.domain.attempts import Attempts
from authsvc.domain.devices import KnownDevices
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.foundation import Foundation
from authsvc.stores.redis.throttles import RedisThrottle
from authsvc.stores.sql.devices import SqlDeviceStore
from authsvc.stores.sql.guesses import SqlGuessStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempting:
    """The parts, of which each knows only those that it needs."""

    attempts: Attempts
    devices: KnownDevices

    def forget_old(self) -> None:
        """Forget what need not be remembered any longer."""
        self.attempts.forget_old()
        self.devices.forget_old()


def put_together(
    base: Foundation,
) -> Attempting:
    """Put them together."""
    pseudonyms = Pseudonyms(base.secret("pseudonym key"))
    devices = KnownDevices(
        store=SqlDeviceStore(base.engine), pseudonyms=pseudonyms, clock=base.clock
    )
    attempts = Attempts(
        throttle=RedisThrottle(base.redis),
        guesses=SqlGuessStore(base.engine, base.outbox),
        devices=devices,
        pseudonyms=pseudonyms,
        limits=policies.attempt_limits(base.config),
        clock=base.clock,
        on_throttled=base.metrics.count_throttled,
    )
    return Attempting(attempts=attempts, devices=devices)
