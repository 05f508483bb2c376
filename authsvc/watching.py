"""The feeds that other processes watch, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.domain.replica import RevocationReplica
from authsvc.duties import Duty
from authsvc.foundation import Foundation
from authsvc.transport.event_watch import EventWatch
from authsvc.transport.health import Health
from authsvc.transport.key_watch import KeyWatch
from authsvc.transport.revocation_watch import RevocationWatch
from authsvc.transport.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The parts, and what they need again and again."""

    revocations: RevocationWatch
    keys: KeyWatch
    events: EventWatch
    streams: Streams
    health: Health

    def duties(self) -> Sequence[Duty]:
        """What has to be done again and again; the contract promises the first two."""
        return (
            Duty("signs of life", self.revocations.give_sign_of_life, every=0.5),
            Duty("keys for watchers", self.keys.tell, every=4),
            Duty("events for watchers", self.events.tell, every=0.25),
            Duty("slow readers", self.streams.look_after, every=0.25),
            Duty("slow readers of health", self.health.streams.look_after, every=0.25),
            Duty("callers of streams", self.streams.check_callers, every=10),
        )

    def close(self) -> None:
        """Read nothing more for watchers."""
        self.revocations.close()
        self.events.close()

    def end_streams(self) -> None:
        """End every stream, which would else hold up the end of the server."""
        self.health.stop()
        self.streams.stop()


def put_together(base: Foundation, *, replica: RevocationReplica) -> Watching:
    """Put the parts together; nothing is sent before the first duty."""
    key_watch = KeyWatch(keys=base.keys, clock=base.clock)
    base.keys.on_change = key_watch.tell
    return Watching(
        revocations=RevocationWatch(
            feed=replica.feed,
            journal=base.journal,
            is_current=replica.lease.holds,
            clock=base.clock,
        ),
        keys=key_watch,
        events=EventWatch(base.recorded.reader),
        streams=Streams(count=base.metrics.count),
        health=Health(),
    )
