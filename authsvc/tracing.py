"""Traces by OpenTelemetry, sent by OTLP over gRPC; imported only where they are wanted.

A call is a span under that of its caller, and what it waits for are spans under that. Names and
attributes are constants of the code: no span holds what anybody sent, but for the ids of the trace
and its `tracestate`. A collector that is slow, dead or lost costs no call anything: spans wait in a
bounded queue, and the oldest give way (docs/decisions/0025-traces.md).

To be made in the process that answers, after the fork: it starts a thread.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

from authsvc import __version__, telemetry
from authsvc.domain.tracing import untraced
from authsvc.errors import StoreUnavailable
from authsvc.transport.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    Behaviour,
    TraceParent,
    read_traceparent,
)

_FLUSH_SECONDS = 1.0
"""How long the collector may keep a worker from ending."""
_LONGEST_STATE = 512
_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The codes that make a server's span an error (semantic conventions for gRPC)."""

_log = telemetry.get_logger("authsvc.tracing")


class OpenTelemetryTracing:
    """A `Tracing`, and the `Span` of what it surrounds; threads may share it."""

    def __init__(self, endpoint: str) -> None:
        """Trace to a collector; nothing is connected before there is a span to send.

        Args:
            endpoint: `http://HOST:PORT`, or `https://HOST:PORT` for TLS. All else is read by the
                SDK from the variables `OTEL_…`.

        """
        is_plain = urlsplit(endpoint).scheme == "http"
        self._exporter = _TellingExporter(OTLPSpanExporter(endpoint=endpoint, insecure=is_plain))
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("authsvc", __version__)

    def around_call(self, method: str, behaviour: Behaviour) -> Behaviour:
        """Surround what answers calls of a method with a span of each."""

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            span = self._begin(method, context)
            try:
                with _current(span):
                    return behaviour(request, context)
            finally:
                _end(span, _code(context) or grpc.StatusCode.OK)

        return answer

    def around_stream(self, method: str, behaviour: Behaviour) -> Behaviour:
        """Surround what begins streams of a method with a span of each whole stream."""

        def begin(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
            span = self._begin(method, context)

            def over() -> None:
                _end(span, _code(context) or grpc.StatusCode.CANCELLED)

            if not context.add_callback(over):
                over()
            with _current(span):
                behaviour(request, context, send)

        begin.experimental_non_blocking = True  # type: ignore[attr-defined]  # read by grpcio
        return begin

    def current(self, metadata: Mapping[str, str]) -> TraceParent | None:
        """Give the span of the call that is being answered."""
        span = trace.get_current_span().get_span_context()
        if not span.is_valid:  # OTEL_SDK_DISABLED
            return read_traceparent(metadata)
        return TraceParent(f"{span.trace_id:032x}", f"{span.span_id:016x}", span.trace_flags)

    def span(self, name: str, *, system: str = "") -> AbstractContextManager[object]:
        """Begin a `Span`; none outside of calls that are recorded."""
        if not trace.get_current_span().is_recording():
            return untraced(name)
        return self._child(name, system)

    def close(self) -> None:
        """Send what is left, for about a second at most, and stop."""
        giving_up = threading.Timer(_FLUSH_SECONDS, self._exporter.shutdown)
        giving_up.start()
        self._provider.shutdown()
        giving_up.cancel()

    def _begin(self, method: str, context: grpc.ServicerContext) -> trace.Span:
        name = method.removeprefix("/")
        return self._tracer.start_span(
            name,
            context=_parent(context),
            kind=SpanKind.SERVER,
            attributes={"rpc.system.name": "grpc", "rpc.method": name},
        )

    @contextmanager
    def _child(self, name: str, system: str) -> Iterator[None]:
        kind = SpanKind.CLIENT if system else SpanKind.INTERNAL
        attributes = {"db.system.name": system} if system else None
        span = self._tracer.start_span(name, kind=kind, attributes=attributes)
        try:
            with _current(span):
                yield
        except StoreUnavailable as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()


class _TellingExporter(SpanExporter):
    """Tells the log when spans begin to be lost, and when that is over: not of each batch."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_losing = False
        self._closing = threading.Lock()
        self._is_closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = self._exporter.export(spans)
        is_losing = result is not SpanExportResult.SUCCESS
        if is_losing != self._is_losing:
            self._is_losing = is_losing
            if is_losing:
                _log.warning("traces are lost", detail="the collector does not take them")
            else:
                _log.info("traces are sent again")
        return result

    def shutdown(self) -> None:
        """Stop, also in the midst of sending; only the first time counts."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Say that nothing waits here."""
        return self._exporter.force_flush(timeout_millis)


def _resource() -> Resource:
    """Who sends: as the operator names it, else by our name."""
    told = Resource.create({SERVICE_VERSION: __version__})
    if str(told.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return told.merge(Resource({SERVICE_NAME: "authsvc"}))
    return told


def _parent(context: grpc.ServicerContext) -> Context:
    """The caller's span, or none: never one that this thread has worked on before."""
    metadata = {
        key: value
        for key, value in context.invocation_metadata()
        if key in (TRACEPARENT, TRACESTATE) and isinstance(value, str)
    }
    told = read_traceparent(metadata)
    if told is None:
        return Context()
    state = metadata.get(TRACESTATE, "")
    caller = trace.SpanContext(
        trace_id=int(told.trace_id, 16),
        span_id=int(told.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(told.flags),
        trace_state=trace.TraceState.from_header([state] if len(state) <= _LONGEST_STATE else []),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(caller), Context())


def _current(span: trace.Span) -> AbstractContextManager[trace.Span]:
    """Make a span the one that others begin under; no exception gets into it, with its text."""
    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _code(context: grpc.ServicerContext) -> grpc.StatusCode | None:
    """The status that was set; none for success, or when the caller went away."""
    code: grpc.StatusCode | None = context.code()  # type: ignore[attr-defined]  # not in the stubs
    return code


def _end(span: trace.Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.response.status_code", code.name)
    if code in _SERVER_FAULTS:
        span.set_attribute("error.type", code.name)
        span.set_status(StatusCode.ERROR)
    span.end()
