"""A collector of traces: the real OTLP service, in this process, which keeps what it is sent."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.porch.processes import eventually


class Collector(TraceServiceServicer):
    """What came in."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.release = threading.Event()
        """Until it is set, nothing is answered."""
        self.release.set()

    def Export(
        self, request: ExportTraceServiceRequest, _: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        """Take spans."""
        self.release.wait()
        self.requests.append(request)
        return ExportTraceServiceResponse()

    def spans(self, trace_id: str = "") -> list[Span]:
        """All spans, or those of a trace, in the order in which they began."""
        found = [
            span
            for request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if trace_id in ("", span.trace_id.hex())
        ]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def resources(self) -> list[dict[str, str]]:
        """Who sent."""
        return [
            attributes(resource.resource.attributes)
            for request in list(self.requests)
            for resource in request.resource_spans
        ]

    def wait_for(self, wanted: Callable[[Span], bool]) -> Span:
        """Give the first span that is wanted, once it is there."""
        assert eventually(lambda: any(map(wanted, self.spans())), seconds=20), [
            span.name for span in self.spans()
        ]
        return next(filter(wanted, self.spans()))

    def wait_for_call(self, trace_id: str) -> list[Span]:
        """Give the spans of a trace once its call has ended: the call's first."""
        self.wait_for(lambda s: s.trace_id.hex() == trace_id and s.kind == Span.SPAN_KIND_SERVER)
        call, *parts = self.spans(trace_id)
        assert call.kind == Span.SPAN_KIND_SERVER, "parts of a call begin after it"
        return [call, *parts]


def attributes(pairs: "Iterator[KeyValue]") -> dict[str, str]:
    """Attributes as they are read; all of ours are texts."""
    return {pair.key: pair.value.string_value for pair in pairs}


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """Run a collector; give it and its endpoint."""
    collector = Collector()
    with ThreadPoolExecutor(4) as executor:
        server = grpc.server(executor)
        add_TraceServiceServicer_to_server(collector, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield collector, f"http://127.0.0.1:{port}"
        finally:
            collector.release.set()
            server.stop(0).wait()
