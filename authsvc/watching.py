"""The feeds that other processes watch, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.domain.clock import Clock
from authsvc.domain.event_reading import EventReader
from authsvc.domain.keys import Keys
from authsvc.domain.replica import RevocationReplica
from authsvc.domain.revocation import RevocationJournal
from authsvc.duties import Duty
from authsvc.metrics import Metrics
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


def watch(
    *,
    event_reader: EventReader,
    replica: RevocationReplica,
    journal: RevocationJournal,
    keys: Keys,
    metrics: Metrics,
    clock: Clock,
) -> Watching:
    """Put the parts together; nothing is sent before the first duty."""
    key_watch = KeyWatch(keys=keys, clock=clock)
    keys.on_change = key_watch.tell
    return Watching(
        revocations=RevocationWatch(
            feed=replica.feed, journal=journal, is_current=replica.lease.holds, clock=clock
        ),
        keys=key_watch,
        events=EventWatch(event_reader),
        streams=Streams(count=metrics.count),
        health=Health(),
    )
