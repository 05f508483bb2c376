"""Security events as CloudEvents 1.0 in JSON (cloudevents.io, "JSON Event Format")."""

import json
from dataclasses import dataclass

from authsvc.domain.events import EventId, KeptEvent

CONTENT_TYPE = "application/cloudevents+json"
TYPE_PREFIX = "authsvc."

_SEQUENCE_DIGITS = 20
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event as a broker gets it."""

    event_id: EventId
    sequence: int
    type: str
    """`authsvc.` and the event's type."""
    subject: str
    """Events with the same one are kept in order; empty if there is none."""
    body: bytes
    """The CloudEvent, in UTF-8."""


def message(kept: KeptEvent, *, source: str) -> Message:
    """Give the message of an event. `source` is who it comes from: the issuer."""
    event = kept.event
    attributes = {
        "specversion": "1.0",
        "id": kept.event_id,
        "source": source,
        "type": TYPE_PREFIX + event.type,
        "time": kept.create_time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        # Sorted as text it is in order, as the extension "sequence" wants it.
        "sequence": f"{kept.sequence:0{_SEQUENCE_DIGITS}d}",
        "data": {
            "actor": event.actor,
            "peer_address": event.peer,
            "session_id": event.session_id,
            "outcome": "success" if event.succeeded else "failure",
            "reason": event.reason,
        },
    }
    # Attributes may be left out, and may not be empty.
    optional = {
        "subject": event.subject,
        "correlationid": event.correlation_id,
        "traceparent": event.traceparent,  # the extension "distributed tracing"
    }
    attributes |= {name: value for name, value in optional.items() if value}
    return Message(
        event_id=kept.event_id,
        sequence=kept.sequence,
        type=TYPE_PREFIX + event.type,
        subject=event.subject,
        body=_encode(attributes).encode(),
    )
