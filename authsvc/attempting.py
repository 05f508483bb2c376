"""What bounds attempts at proving who one is, put together."""

from dataclasses import dataclass

from sqlalchemy import Engine

from authsvc import policies
from authsvc.config import Config
from authsvc.domain.attempts import Attempts
from authsvc.domain.clock import Clock
from authsvc.domain.devices import KnownDevices
from authsvc.domain.events import EventSink
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.metrics import Metrics
from authsvc.stores.redis.connection import RedisConnection
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
    config: Config,
    *,
    engine: Engine,
    redis: RedisConnection,
    pseudonym_key: bytes,
    metrics: Metrics,
    record: EventSink,
    clock: Clock,
) -> Attempting:
    """Put them together."""
    pseudonyms = Pseudonyms(pseudonym_key)
    devices = KnownDevices(store=SqlDeviceStore(engine), pseudonyms=pseudonyms, clock=clock)
    attempts = Attempts(
        throttle=RedisThrottle(redis),
        guesses=SqlGuessStore(engine),
        devices=devices,
        pseudonyms=pseudonyms,
        limits=policies.attempt_limits(config),
        record=record,
        clock=clock,
        on_throttled=metrics.count_throttled,
    )
    return Attempting(attempts=attempts, devices=devices)
