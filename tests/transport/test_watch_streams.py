"""Streams: many at once, none to the harm of others, each gone without a trace."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.token_service_pb2 import WatchKeysRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from tests.porch.processes import eventually
from tests.service import Service, running
from tests.stores.hot.servers import Server, valkey
from tests.transport import http2
from tests.transport.calls import (
    by_key,
    issue_api_key,
    path_of,
    refusal_of,
    refused,
    revoke_api_key,
)
from tests.transport.test_limits import value
from tests.transport.watching import Watcher, is_current, revoking

WATCH = "authsvc.revocations.watch"


@pytest.fixture(name="own", scope="module")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose streams are this module's only."""
    data = Path(tmp_path_factory.mktemp("streams"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        yield service


def is_nobody_left(service: Service) -> bool:
    app = service.app
    return not (app.watching.streams._open or app.revoking.replica.feed._followers)


def test_who_cancels_leaves_nothing_behind(own: Service) -> None:
    counted = 'authsvc_rpcs_total{code="CANCELLED",method="WatchRevocations"}'
    before = value(own, counted)
    watchers = [Watcher(own.token, after=n % 2) for n in range(20)]
    for watcher in watchers[:10]:
        watcher.read()
    for watcher in watchers:
        watcher.call.cancel()
    keys = own.token.WatchKeys(WatchKeysRequest())
    next(keys)
    keys.cancel()

    assert eventually(lambda: is_nobody_left(own))
    assert eventually(lambda: not own.app.watching.keys._watchers)
    assert value(own, counted) >= before + 10


def test_a_deadline_of_the_caller_ends_a_stream_too(own: Service) -> None:
    watcher = Watcher(own.token, timeout=2)
    refusal = refused(lambda: watcher.read_until(lambda _: False))
    assert refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert eventually(lambda: is_nobody_left(own))


@pytest.mark.usefixtures("grpcio_only")
@pytest.mark.parametrize("method", ["WatchRevocations", "WatchKeys"])
def test_those_who_leave_no_room_are_cut_off_while_others_are_served(
    method: str, own: Service
) -> None:
    reader = Watcher(own.token)
    reader.read_until(is_current)
    with http2.open_without_room(own.address, path_of(method).encode(), times=40) as connection:
        assert eventually(lambda: len(own.app.watching.streams._open) == 41)
        for _ in range(3):
            assert reader.read().is_current
        connection.settimeout(30)
        assert http2.count_ends(connection, wanted=40) == 40
    reader.read()
    reader.call.cancel()
    assert eventually(lambda: is_nobody_left(own))


@pytest.mark.usefixtures("grpcio_only")
def test_who_reads_too_slowly_is_ended_and_others_miss_nothing(own: Service) -> None:
    counted = 'authsvc_rpcs_total{code="RESOURCE_EXHAUSTED",method="WatchRevocations"}'
    before = value(own, counted)
    with grpc.insecure_channel(own.address) as channel, revoking(own) as revoke:
        slow = Watcher(TokenServiceStub(channel), after=own.app.revoking.replica.feed.revision)
        quick = Watcher(own.token, after=own.app.revoking.replica.feed.revision)
        slow.read()
        revoked = set()
        for _ in range(300):
            revoked |= revoke(500)
            while not revoked <= quick.known:
                quick.read()
        refusal = refused(lambda: slow.read_until(lambda _: False))
        quick.call.cancel()
    # It is told so if it reads soon afterwards; then it is cut off.
    assert refusal.code in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED}
    assert eventually(lambda: value(own, counted) == before + 1)


def test_p_int_1_a_stream_ends_when_its_key_is_revoked(production: Service) -> None:
    (dead, key_id), (alive, _) = (issue_api_key(production, WATCH) for _ in range(2))
    watchers = [Watcher(production.token, metadata=by_key(key)) for key in (dead, alive)]
    for watcher in watchers:
        watcher.read()
    revoke_api_key(production, key_id)
    production.app.watching.streams.check_callers()

    refusal = refused(lambda: watchers[0].read_until(lambda _: False))
    assert refusal.reason == "CALLER_UNAUTHENTICATED"
    watchers[1].read()
    watchers[1].call.cancel()


def test_p_dur_2_a_drain_does_not_wait_for_streams(tmp_path: Path, redis: Server) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(running(data=tmp_path, redis_url=redis.url))
        channel = stack.enter_context(grpc.insecure_channel(service.address))
        stub = TokenServiceStub(channel)
        calls = [Watcher(stub).call, stub.WatchKeys(WatchKeysRequest(), timeout=60)]
        for call in calls:
            next(call)
        connection = http2.open_without_room(
            service.address, path_of("WatchKeys").encode(), times=1
        )
        stack.enter_context(connection)
        assert eventually(lambda: len(service.app.watching.streams._open) == 3)
        service.app.watching.streams.stop()

        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                list(call)
            refusal = refusal_of(caught.value)
            assert refusal.code is grpc.StatusCode.UNAVAILABLE
            assert "stopping" in refusal.message
        assert eventually(lambda: is_nobody_left(service))
        late = refused(lambda: Watcher(stub).read())
        assert late.code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.slow
def test_two_thousand_streams_cost_few_threads(tmp_path: Path, redis: Server) -> None:
    # The client, on the same cores, must not make the worker late for its lease.
    settings = {"max_concurrent_streams": 100, "read_lease": timedelta(seconds=20)}
    with ExitStack() as stack:
        service = stack.enter_context(running(data=tmp_path, redis_url=redis.url, **settings))
        options = (("grpc.use_local_subchannel_pool", 1),)
        stubs = [
            TokenServiceStub(
                stack.enter_context(grpc.insecure_channel(service.address, options=options))
            )
            for _ in range(20)
        ]
        watchers: list[Watcher] = []
        for stub in stubs:  # not all at once: grpc drops calls if over 1,000 wait to be accepted
            fresh = [Watcher(stub) for _ in range(100)]
            for watcher in fresh:
                watcher.read_until(is_current)
            watchers += fresh
        assert len(service.app.watching.streams._open) == 2000
        assert len(service.app.watching.streams._senders["WatchRevocations"]._threads) <= 16

        with revoking(service) as revoke:
            revoked = revoke()
        for watcher in watchers:
            watcher.read_until(lambda piece: bool(piece.revocations))
            assert watcher.known == revoked
        for watcher in watchers:
            watcher.call.cancel()
        assert eventually(lambda: is_nobody_left(service))
