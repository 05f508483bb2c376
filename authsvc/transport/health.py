"""Health, truthful for each service (grpc.health.v1): what can't answer says so."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse

OVERALL = ""


class Health(HealthServicer):  # type: ignore[misc]  # it ships without types
    """The health servicer of grpcio, whose watchers cost no thread, and `List` beside it."""

    def __init__(self) -> None:
        self._notifier = ThreadPoolExecutor(1, thread_name_prefix="health")
        super().__init__(experimental_non_blocking=True, experimental_thread_pool=self._notifier)
        self._serving: dict[str, bool] = {}
        self._is_stopped = False

    def update(self, serving: Mapping[str, bool]) -> None:
        """Say which services can answer; watchers are told of what has changed."""
        if self._is_stopped:  # a probe that hung may come back during the drain
            return
        before = dict(self._serving)
        self._serving.update(serving)
        for service, is_serving in serving.items():  # who is told of one may ask for all
            if before.get(service) is not is_serving:
                self.set(service, _status(is_serving))

    def is_serving(self, service: str = OVERALL) -> bool:
        """Say whether a service can answer."""
        return self._serving.get(service, False)

    def stop(self) -> None:
        """Say for good that nothing answers any longer."""
        self._is_stopped = True
        self._serving = dict.fromkeys(self._serving, False)
        self.enter_graceful_shutdown()

    def List(
        self, _request: health_pb2.HealthListRequest, _: grpc.ServicerContext
    ) -> health_pb2.HealthListResponse:
        statuses = {
            service: HealthCheckResponse(status=_status(is_serving))
            for service, is_serving in dict(self._serving).items()
        }
        return health_pb2.HealthListResponse(statuses=statuses)


def _status(is_serving: bool) -> HealthCheckResponse.ServingStatus.ValueType:  # noqa: FBT001
    if is_serving:
        return HealthCheckResponse.SERVING
    return HealthCheckResponse.NOT_SERVING
