"""What relays security events to brokers, put together."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from authsvc import telemetry
from authsvc.config import Config
from authsvc.duties import Duty
from authsvc.errors import StoreUnavailable
from authsvc.foundation import Foundation
from authsvc.relay.addresses import SinkAddress, parse_sinks
from authsvc.relay.cloudevents import message
from authsvc.relay.delivery import Courier
from authsvc.relay.lag import LagMeter
from authsvc.relay.outbox import LEASE, Outbox
from authsvc.relay.sinks import open_sink
from authsvc.stores.redis.leases import RedisLease
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.relay import SqlRelayStore

_log = telemetry.get_logger("authsvc.relay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaying:
    """The parts, an outbox for each sink."""

    sinks: Sequence[str]
    outboxes: Sequence[Outbox]
    meter: LagMeter
    store: SqlRelayStore
    events: SqlEventStore

    def duties(self) -> Sequence[Duty]:
        """What has to be done again and again; nothing without a sink."""
        if not self.sinks:
            return ()
        return (
            *(Duty("relay", outbox.step, every=0.25) for outbox in self.outboxes),
            Duty("lag of the relay", self.meter.measure, every=5),
        )

    def forget_events(self, *, older_than: datetime) -> None:
        """Forget the events before a time, but none that a sink has not got yet.

        Raises:
            StoreUnavailable: SQL does not answer.

        """
        place = min(map(self.store.cursor, self.sinks), default=None)
        self.events.purge(older_than=older_than, up_to=place)
        self.store.purge(up_to=self.events.ends()[0].sequence)
        if place is None:
            return
        waiting = self.events.after(place, limit=1)
        if waiting and waiting[0].create_time < older_than:
            _log.warning("events kept beyond their time for a sink", since=waiting[0].create_time)

    def stop(self) -> None:
        """Begin nothing more."""
        for outbox in self.outboxes:
            outbox.stop()

    def close(self) -> None:
        """Close the connections, and let another worker go on at once."""
        for outbox in self.outboxes:
            with suppress(StoreUnavailable):  # then it goes on when the lease has ended
                outbox.close()


def put_together(base: Foundation) -> Relaying:
    """Put them together; nothing is connected before the first duty."""
    store, reader = SqlRelayStore(base.engine), base.recorded.reader
    addresses = sinks(base.config)
    names = [address.name for address in addresses]
    return Relaying(
        sinks=names,
        outboxes=[
            Outbox(
                address.name,
                courier=Courier(partial(open_sink, address)),
                lease=RedisLease(base.redis, f"relay to {address.name}", LEASE),
                reader=reader,
                store=store,
                render=partial(message, source=base.config.issuer),
                gauge=base.metrics,
                clock=base.clock,
            )
            for address in addresses
        ],
        meter=LagMeter(names, reader=reader, store=store, gauge=base.metrics, clock=base.clock),
        store=store,
        events=base.recorded.store,
    )


def sinks(config: Config) -> Sequence[SinkAddress]:
    """Give the sinks of a configuration that was checked."""
    return parse_sinks(config.event_sinks.get_secret_value()) if config.event_sinks else ()
