"""EventService: between its messages and the events that were kept."""

import grpc
from authn.v1 import event_service_pb2 as pb
from authn.v1.event_service_pb2_grpc import EventServiceServicer

from authsvc.domain.event_reading import EventReader
from authsvc.domain.events import EventFilter
from authsvc.transport.event_watch import EventWatch
from authsvc.transport.messages import event_message
from authsvc.transport.pages import PageTokens, page_size
from authsvc.transport.streams import Stream


class EventService(EventServiceServicer):
    """Looking at what happened."""

    def __init__(self, *, reader: EventReader, watch: EventWatch, page_key: bytes) -> None:
        self._reader = reader
        self._watch = watch
        self._pages = PageTokens(page_key, method="ListEvents")

    def ListEvents(
        self, request: pb.ListEventsRequest, _: grpc.ServicerContext
    ) -> pb.ListEventsResponse:
        wanted = _filter(request.filter)
        scope = request.filter.SerializeToString(deterministic=True).hex()
        before = self._pages.read(request.page_token, scope=scope)
        limit = page_size(request.page_size)
        found = self._reader.latest(wanted, before=int(before) if before else None, limit=limit + 1)
        page, more = found[:limit], len(found) > limit
        return pb.ListEventsResponse(
            events=map(event_message, page),
            next_page_token=self._pages.write(str(page[-1].sequence), scope=scope) if more else "",
        )

    def WatchEvents(  # type: ignore[override]  # a stream, see `streams.py`
        self, request: pb.WatchEventsRequest, _: grpc.ServicerContext, stream: Stream
    ) -> None:
        after = request.after_sequence if request.HasField("after_sequence") else None
        self._watch.begin(stream, after, _filter(request.filter))


def _filter(message: pb.EventFilter) -> EventFilter:
    return EventFilter(
        types=frozenset(message.types),
        subject=message.subject,
        actor=message.actor,
        session_id=message.session_id,
    )
