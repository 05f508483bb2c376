"""What keeps and shows security events, put together."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from authsvc.domain.clock import Clock
from authsvc.domain.event_reading import EventReader
from authsvc.domain.event_recording import EventRecorder
from authsvc.domain.events import EventChain
from authsvc.event_log import tell_event
from authsvc.metrics import Metrics
from authsvc.own_secrets import own_secret
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.outbox import Outbox
from authsvc.stores.sql.settings import SqlSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The parts, of which each knows only those that it needs."""

    record: EventRecorder
    outbox: Outbox
    reader: EventReader
    store: SqlEventStore


def put_together(
    engine: Engine, settings: SqlSettings, *, metrics: Metrics, clock: Clock
) -> Recording:
    """Put them together."""
    store = SqlEventStore(engine, event_chain(settings))
    tell = partial(tell_event, metrics)
    return Recording(
        record=EventRecorder(store=store, tell=tell, clock=clock),
        outbox=Outbox(engine, store=store, tell=tell, clock=clock),
        reader=EventReader(store),
        store=store,
    )


def event_chain(settings: SqlSettings) -> EventChain:
    """Give what links events, with the service's own key.

    Raises:
        ConfigurationError: The key was sealed under another master key.

    """
    return EventChain(own_secret(settings, "event key"))
