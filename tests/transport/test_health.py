"""Health and reflection, as load balancers and people with grpcurl use them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
    HealthListRequest,
    HealthListResponse,
)
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from authsvc.transport.ext_authz.messages import SERVICE as EXT_AUTHZ
from authsvc.transport.health import Health
from authsvc.transport.server import SERVICES
from tests.service import Service, running
from tests.stores.hot.servers import Server
from tests.transport import http2
from tests.transport.calls import refused

OWN = {EXT_AUTHZ, *(service.full_name for service in SERVICES)}
VERSIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


def watch(channel: grpc.Channel, service: str) -> Iterator[HealthCheckResponse]:
    stream: Iterator[HealthCheckResponse] = HealthStub(channel).Watch(
        HealthCheckRequest(service=service), timeout=20
    )
    return stream


def wait_until_serving(service: Service) -> None:
    for answer in watch(service.channel, ""):
        if answer.status == HealthCheckResponse.SERVING:
            return


def list_all(service: Service) -> HealthListResponse:
    call = service.channel.unary_unary(
        "/grpc.health.v1.Health/List",
        request_serializer=HealthListRequest.SerializeToString,
        response_deserializer=HealthListResponse.FromString,
    )
    answer: HealthListResponse = call(HealthListRequest())
    return answer


def test_p_dur_2_a_probe_that_comes_back_during_the_drain_changes_nothing() -> None:
    health = Health()
    health.update({"": True})
    assert health.is_serving()

    health.stop()
    health.update({"": True})

    assert not health.is_serving()


def test_every_service_that_can_answer_says_so(service: Service) -> None:
    wait_until_serving(service)
    health = HealthStub(service.channel)
    for name in ("", *OWN):
        answer = health.Check(HealthCheckRequest(service=name))
        assert answer.status == HealthCheckResponse.SERVING
    listed = list_all(service).statuses
    assert set(listed) == {"", "grpc.health.v1.Health", *OWN}
    assert all(answer.status == HealthCheckResponse.SERVING for answer in listed.values())


def test_an_unknown_service_is_not_found_and_may_be_watched(service: Service) -> None:
    health = HealthStub(service.channel)
    refusal = refused(lambda: health.Check(HealthCheckRequest(service="nothing")))
    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert next(watch(service.channel, "nothing")).status == HealthCheckResponse.SERVICE_UNKNOWN


def test_p_int_1_health_needs_no_caller(production: Service) -> None:
    wait_until_serving(production)


def test_p_dur_2_who_watches_is_told_before_the_end(tmp_path: Path, redis: Server) -> None:
    seen: list[int] = []
    serving = threading.Event()

    def follow(channel: grpc.Channel) -> None:
        try:
            for answer in watch(channel, "authn.v1.AuthService"):
                seen.append(answer.status)
                if answer.status == HealthCheckResponse.SERVING:
                    serving.set()
        except grpc.RpcError:  # the server has ended
            return

    with running(data=tmp_path, redis_url=redis.url) as service:
        channel = grpc.insecure_channel(service.address)
        watcher = threading.Thread(target=follow, args=(channel,))
        watcher.start()
        assert serving.wait(10)
    watcher.join(10)
    channel.close()
    assert not watcher.is_alive()
    assert seen[-1] == HealthCheckResponse.NOT_SERVING


def test_a_dead_redis_takes_only_what_needs_it_out_of_service(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        wait_until_serving(service)
        redis.kill()
        for name in ("authn.v1.TokenService", "authn.v1.AuthService"):
            for answer in watch(service.channel, name):
                if answer.status == HealthCheckResponse.NOT_SERVING:
                    break
        statuses = {name: answer.status for name, answer in list_all(service).statuses.items()}
        assert statuses["authn.v1.AccountService"] == HealthCheckResponse.SERVING
        assert statuses["grpc.health.v1.Health"] == HealthCheckResponse.SERVING
        assert statuses["authn.v1.AuthService"] == HealthCheckResponse.NOT_SERVING
        assert statuses["authn.v1.EventService"] == HealthCheckResponse.SERVING


def reflect(
    service: Service, version: str, request: ServerReflectionRequest
) -> ServerReflectionResponse:
    call = service.channel.stream_stream(
        f"/{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    return next(call(iter([request]), timeout=10))


@pytest.mark.parametrize("version", VERSIONS)
def test_reflection_lists_every_service_and_gives_its_file(version: str, service: Service) -> None:
    answer = reflect(service, version, ServerReflectionRequest(list_services=""))
    names = {found.name for found in answer.list_services_response.service}
    assert names >= {*OWN, "grpc.health.v1.Health", *(f"{v}.ServerReflection" for v in VERSIONS)}
    for name in (*OWN, *(f"{v}.ServerReflection" for v in VERSIONS)):
        request = ServerReflectionRequest(file_containing_symbol=name)
        files = reflect(service, version, request).file_descriptor_response.file_descriptor_proto
        assert any(name.rpartition(".")[2].encode() in file for file in files)
    by_name = ServerReflectionRequest(file_by_filename="envoy/type/v3/http_status.proto")
    [file] = reflect(service, version, by_name).file_descriptor_response.file_descriptor_proto
    assert b"HttpStatus" in file
    unknown = ServerReflectionRequest(file_containing_symbol="no.Such")
    assert reflect(service, version, unknown).error_response.error_code == 5


@pytest.mark.parametrize("version", VERSIONS)
def test_p_cfg_1_there_is_no_reflection_unless_it_is_asked_for(
    version: str, production: Service
) -> None:
    request = ServerReflectionRequest(list_services="")
    refusal = refused(lambda: reflect(production, version, request))
    assert refusal.code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.usefixtures("grpcio_only")
def test_who_does_not_read_holds_up_neither_health_nor_the_end(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        wait_until_serving(service)
        path = b"/grpc.health.v1.Health/Watch"
        with http2.open_without_room(service.address, path, times=20) as connection:
            wait_until_serving(service)
            assert HealthStub(service.channel).Check(HealthCheckRequest(), timeout=10).status
            connection.settimeout(30)
            assert http2.count_ends(connection, wanted=20) == 20


def test_p_dur_2_a_drain_does_not_wait_for_who_watches(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        watching = watch(service.channel, "authn.v1.KeyService")
        next(watching)
        service.app.health.stop()
        with pytest.raises(grpc.RpcError) as caught:
            list(watching)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "stopping" in (caught.value.details() or "")
