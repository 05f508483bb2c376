"""Health, truthful for each service (grpc.health.v1): what can't answer says so."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from authsvc.transport.status import stopping_status
from authsvc.transport.streams import Stream, Streams

OVERALL = ""
_FAREWELL = 0.5
"""How many seconds watchers have, at the end, to take the last status."""


class Health(HealthServicer):  # type: ignore[misc]  # it ships without types
    """The health servicer. The one of grpcio waits, with all locked, until each watcher reads."""

    def __init__(self) -> None:
        self.streams = Streams(count=lambda _method, _code: None)
        self._serving: dict[str, bool] = {OVERALL: False}
        self._watchers: dict[Stream, str] = {}
        self._telling = threading.Lock()
        self._is_stopped = False

    def update(self, serving: Mapping[str, bool]) -> None:
        """Say which services can answer; watchers are told of what has changed."""
        with self._telling:
            if self._is_stopped:  # a probe that hung may come back during the drain
                return
            changed = {name for name, is_ in serving.items() if self._serving.get(name) is not is_}
            self._serving.update(serving)
            for stream, service in self._watchers.items():
                if service in changed:
                    stream.put(self._answer(service))

    def is_serving(self, service: str = OVERALL) -> bool:
        """Say whether a service can answer."""
        return self._serving.get(service, False)

    def stop(self) -> None:
        """Say for good that nothing answers any longer, and end what watches."""
        with self._telling:
            self._is_stopped = True
            self._serving = dict.fromkeys(self._serving, False)
            for stream, service in self._watchers.items():
                stream.put(self._answer(service), then=_ending(stream))
        deadline = time.monotonic() + _FAREWELL
        while self._watchers and time.monotonic() < deadline:
            time.sleep(0.01)
        self.streams.stop()

    def Check(
        self, request: HealthCheckRequest, context: grpc.ServicerContext
    ) -> HealthCheckResponse:
        if request.service not in self._serving:
            context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service.")
        return self._answer(request.service)

    def Watch(
        self,
        request: HealthCheckRequest,
        context: grpc.ServicerContext,
        send: Callable[[Any], None],
    ) -> None:
        stream = self.streams.open("Watch", context, send, check_caller=lambda: None)
        with self._telling:
            self._watchers[stream] = request.service
            stream.put(self._answer(request.service))
        stream.on_over(lambda: self._leave(stream))

    Watch.experimental_non_blocking = True  # type: ignore[attr-defined]  # read by grpcio

    def List(
        self, _request: health_pb2.HealthListRequest, _: grpc.ServicerContext
    ) -> health_pb2.HealthListResponse:
        services = tuple(self._serving)
        return health_pb2.HealthListResponse(
            statuses={service: self._answer(service) for service in services}
        )

    def _leave(self, stream: Stream) -> None:
        with self._telling:
            self._watchers.pop(stream)

    def _answer(self, service: str) -> HealthCheckResponse:
        is_serving = self._serving.get(service)
        if is_serving is None:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        if is_serving:
            return HealthCheckResponse(status=HealthCheckResponse.SERVING)
        return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)


def _ending(stream: Stream) -> Callable[[], None]:
    return lambda: stream.end(stopping_status())
