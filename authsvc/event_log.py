"""Security events on their way out: a line of the log and a count each (P-OBS-1)."""

from authsvc import telemetry
from authsvc.domain.events import Event
from authsvc.metrics import Metrics

_log = telemetry.get_logger("authsvc.events")


def tell_event(metrics: Metrics, event: Event) -> None:
    """Write a security event to the log, once, and count it."""
    outcome = "success" if event.succeeded else "failure"
    metrics.count_event(event.type, outcome)
    _log.info(
        event.type,
        outcome=outcome,
        actor=event.actor,
        peer=event.peer,
        subject=event.subject,
        session_id=event.session_id,
        reason=event.reason,
    )
