"""What stores write with: an outbox, and an event for what is done to them."""

from collections.abc import Callable

from sqlalchemy import Engine

from authsvc.domain.events import Event, EventChain
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.outbox import Outbox
from authsvc.system_clock import steady_clock

CHAIN = EventChain(bytes(range(32)))
EVENT = Event(type="test.act", actor="tests", peer="127.0.0.1")


def event_of(subject: str) -> Event:
    """Give the event of an act, by what it was done to."""
    return Event(type="test.act", actor="tests", peer="127.0.0.1", subject=subject)


def outbox(engine: Engine, tell: Callable[[Event], None] = lambda _: None) -> Outbox:
    """Give an outbox that tells where it is wished."""
    return Outbox(engine, store=SqlEventStore(engine, CHAIN), tell=tell, clock=steady_clock())
