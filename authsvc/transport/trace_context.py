"""The trace that a call is part of, as its metadata tells it (W3C Trace Context)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_FORM = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-[!-~]*)?"
)
_KNOWN_FLAGS = 0b11
"""Sampled, and random trace id; the others mean nothing yet."""

Behaviour = Callable[..., Any]


class TraceParent(NamedTuple):
    """A trace, and the span in it that called."""

    trace_id: str
    """32 hexadecimal digits in lower case, as the trace is named everywhere."""
    span_id: str
    flags: int

    def __str__(self) -> str:
        """Write it as `traceparent` of version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def read_traceparent(metadata: Mapping[str, str]) -> TraceParent | None:
    """Read `traceparent`; what is not exactly of its form is as good as none."""
    text = metadata.get(TRACEPARENT)
    form = None if text is None else _FORM.fullmatch(text)
    if form is None or (form["version"] == "00" and form["more"] is not None):
        return None
    return TraceParent(form["trace"], form["span"], int(form["flags"], 16) & _KNOWN_FLAGS)


class Tracing(Protocol):
    """Looks on while calls are answered. It MUST NOT raise or wait."""

    def around_call(self, method: str, behaviour: Behaviour) -> Behaviour:
        """Surround what answers calls of a method."""

    def around_stream(self, method: str, behaviour: Behaviour) -> Behaviour:
        """Surround what begins streams of a method."""

    def current(self, metadata: Mapping[str, str]) -> TraceParent | None:
        """Give the place in a trace of the call that is being answered, if it is in one."""


class Untraced:
    """Looks away: the trace of who calls goes on into logs and events as it came."""

    def around_call(self, _: str, behaviour: Behaviour) -> Behaviour:
        """Give it back."""
        return behaviour

    def around_stream(self, _: str, behaviour: Behaviour) -> Behaviour:
        """Give it back."""
        return behaviour

    def current(self, metadata: Mapping[str, str]) -> TraceParent | None:
        """Give what the caller tells."""
        return read_traceparent(metadata)
