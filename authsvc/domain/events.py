"""Security events: what happened, to whom, by whom, with what end (ASVS 16.3). Never a secret.

An event that was kept has a place in one order of all (its *sequence*, without gaps) and a *link*:
a MAC over itself and the link before it. So who changes, removes or slips in an event must know the
key to hide it, and who cuts off the end must also change every place where a link was noted.

What changes something in SQL gives its event to the store, which MUST keep both in one transaction
or neither, and tell of the event once it is durable. All else, such as what was refused, gives it
to an `EventSink` before it is answered.
"""

import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from uuid_utils import uuid7

EventId = NewType("EventId", str)
"""`evt_` and the 32 hexadecimal digits of a UUIDv7."""


class EventType(StrEnum):
    """The acts that are worth a record."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_UPDATED = "account.updated"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_EXPORTED = "account.exported"
    ACCOUNT_DELETED = "account.deleted"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - an event's name
    FACTOR_OFFERED = "factor.offered"
    """The secret of an authenticator app was told; it counts for nothing yet."""
    FACTOR_ENROLLED = "factor.enrolled"
    FACTOR_DELETED = "factor.deleted"
    FACTORS_RESET = "factors.reset"
    FACTOR_USED = "factor.used"
    PASSKEY_CLONE_SUSPECTED = "passkey.clone_suspected"
    RECOVERY_CODES_REPLACED = "recovery_codes.replaced"
    LOGIN_CHALLENGED = "login.challenged"
    PASSWORD_RESET_STARTED = "password_reset.started"  # noqa: S105 - an event's name
    PASSWORD_RESET = "password_reset.completed"  # noqa: S105 - an event's name
    VERIFICATION_STARTED = "verification.started"
    ADDRESS_VERIFIED = "verification.completed"
    LOGIN = "login"
    ATTEMPTS_EXHAUSTED = "attempts.exhausted"
    SESSION_REFRESHED = "session.refreshed"
    REFRESH_TOKEN_REUSED = "refresh_token.reused"  # noqa: S105 - an event's name
    SESSION_REVOKED = "session.revoked"
    SESSIONS_REVOKED = "sessions.revoked"
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event's name
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_UPDATED = "service_account.updated"
    SERVICE_ACCOUNT_DISABLED = "service_account.disabled"
    SERVICE_ACCOUNT_ENABLED = "service_account.enabled"
    SERVICE_ACCOUNT_DELETED = "service_account.deleted"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    SERVICE_TOKEN_ISSUED = "service_token.issued"  # noqa: S105 - an event's name
    TOKEN_EXCHANGED = "token.exchanged"  # noqa: S105 - an event's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One act."""

    type: str
    """An `EventType`, or what a later version knows."""
    actor: str
    """The account that acts, by its access token, or else the calling service."""
    peer: str
    """Where the call came from."""
    subject: str = ""
    """The account, token or key that it was done to; empty if there is none."""
    session_id: str = ""
    succeeded: bool = True
    reason: str = ""
    """Why it failed or how it came about, in constant words."""
    correlation_id: str = ""
    """Of the call that it happened in."""
    traceparent: str = ""
    """The place of that call in a trace (W3C Trace Context); empty if it is in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvent:
    """An event that will not be lost."""

    event_id: EventId
    sequence: int
    """Its place among all: the first is 1, and none is left out."""
    create_time: datetime
    event: Event
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for: those that have all that is named."""

    types: frozenset[str] = frozenset()
    """Any of these; empty means all."""
    subject: str = ""
    actor: str = ""
    session_id: str = ""

    def matches(self, event: Event) -> bool:
        """Say whether an event is asked for."""
        return (
            (not self.types or event.type in self.types)
            and self.subject in ("", event.subject)
            and self.actor in ("", event.actor)
            and self.session_id in ("", event.session_id)
        )


@dataclass(frozen=True, slots=True)
class EventMark:
    """A place in the order of all events, and the link there."""

    sequence: int
    link: bytes


EventSink = Callable[[Event], None]
"""Takes an event; it is kept and told when the call returns, else StoreUnavailable is raised."""


class EventStore(Protocol):
    """Keeps events in SQL. Fails closed: StoreUnavailable, and then none was kept."""

    def append(self, events: Sequence[Event], *, now: datetime) -> None:
        """Keep events, all or none, in this order after all that are there."""

    def after(self, sequence: int, *, limit: int) -> Sequence[KeptEvent]:
        """Give the events after a place, in order."""

    def latest(self, wanted: EventFilter, *, before: int | None, limit: int) -> Sequence[KeptEvent]:
        """Give the latest events that are wanted, before a place if one is named, latest first."""

    def ends(self) -> tuple[EventMark, EventMark]:
        """Give the place after which events are kept, and the place of the last one."""

    def purge(self, *, older_than: datetime, up_to: int | None = None) -> int:
        """Forget the events before a time, oldest first, and none after a place if one is named;
        say how many.
        """


def new_event_id() -> EventId:
    """Make a fresh event id."""
    return EventId("evt_" + uuid7().hex)


class EventChain:
    """Makes the links between events."""

    def __init__(self, key: bytes) -> None:
        """Take a secret key of 32 bytes."""
        self._key = key

    def append(self, last: EventMark, event: Event, *, now: datetime) -> KeptEvent:
        """Give an event its place after the last one."""
        event_id, sequence = new_event_id(), last.sequence + 1
        return KeptEvent(
            event_id=event_id,
            sequence=sequence,
            create_time=now,
            event=event,
            link=self._link(last.link, event_id, sequence, now, event),
        )

    def first_break(
        self, base: EventMark, events: Iterable[KeptEvent], last: EventMark
    ) -> int | None:
        """Give the sequence of the first event that does not follow from the one before, or None.

        Args:
            base: The place after which the events begin.
            events: All events after it, in order.
            last: The place where they end.

        """
        before, sequence = base.link, base.sequence
        for kept in events:
            sequence += 1
            link = self._link(before, kept.event_id, sequence, kept.create_time, kept.event)
            if kept.sequence != sequence or not hmac.compare_digest(link, kept.link):
                return sequence
            before = link
        is_whole = sequence == last.sequence and hmac.compare_digest(before, last.link)
        return None if is_whole else sequence + 1

    def _link(
        self, before: bytes, event_id: EventId, sequence: int, now: datetime, event: Event
    ) -> bytes:
        fields: tuple[object, ...] = (
            sequence,
            event_id,
            now.isoformat(timespec="microseconds"),
            event.type,
            event.actor,
            event.peer,
            event.subject,
            event.session_id,
            event.succeeded,
            event.reason,
            event.correlation_id,
        )
        if event.traceparent:  # what had none before there were any keeps its link
            fields = (*fields, event.traceparent)
        return hmac.digest(self._key, before + json.dumps(fields).encode(), "sha256")
