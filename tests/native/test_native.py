"""What only the native transport must be held to: what it leaves to grpcio, and how it ends."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from authsvc.transport import native
from authsvc.transport.callers import peer_address
from tests.porch.processes import eventually
from tests.service import running
from tests.stores.hot.servers import valkey
from tests.transport import http2

WATCHES = 200


@pytest.fixture(name="channels")
def _channels() -> Iterator[Callable[[str], grpc.Channel]]:
    """Each has a connection of its own."""
    opened: list[grpc.Channel] = []

    def connect(address: str) -> grpc.Channel:
        channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        opened.append(channel)
        return channel

    yield connect
    for channel in opened:
        channel.close()


@contextmanager
def serving(behaviour: Callable[[bytes, grpc.ServicerContext], bytes]) -> Iterator[tuple[Any, str]]:
    """A bare server with one method, `/x/X`."""
    with ThreadPoolExecutor(4) as executor:
        server = native.new_server(executor, interceptors=[], options=[])
        handler = grpc.unary_unary_rpc_method_handler(behaviour)
        server.add_registered_method_handlers("x", {"X": handler})
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield server, f"127.0.0.1:{port}"
        server.stop(0).wait()


def refuses(call: "grpc.UnaryUnaryMultiCallable[bytes, bytes]") -> bool:
    try:
        call(b"", timeout=0.1)
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def test_open_watches_hold_no_thread_and_do_not_hold_up_the_end(
    tmp_path: Path, channels: Callable[[str], grpc.Channel]
) -> None:
    hour = 3600.0
    with (
        valkey() as redis,
        running(data=tmp_path, redis_url=redis.url, transport="native") as service,
    ):
        before = threading.active_count()
        channel, another = channels(service.address), channels(service.address)
        streams = [
            HealthStub([channel, another][number % 2]).Watch(HealthCheckRequest())
            for number in range(WATCHES)
        ]
        for stream in streams:
            next(stream)
        assert threading.active_count() - before < WATCHES / 4
        service.app.server.stop(hour).wait()


def test_a_call_that_was_begun_is_finished_before_the_end(
    channels: Callable[[str], grpc.Channel],
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def behave(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        begun.set()
        assert may_end.wait(20)
        return b"done"

    with serving(behave) as (server, address):
        call = channels(address).unary_unary("/x/X").future(b"", timeout=20)
        assert begun.wait(10)
        stopped = server.stop(60)
        another = channels(address).unary_unary("/x/X")
        assert eventually(lambda: refuses(another))
        may_end.set()
        assert call.result() == b"done"
        assert stopped.wait(20)


def test_calls_whose_message_does_not_come_hold_no_thread(
    channels: Callable[[str], grpc.Channel],
) -> None:
    with (
        serving(lambda request, _: request) as (_, address),
        http2.begin(address, b"/x/X", times=10_000),
        http2.begin(address, b"/x/X", times=100),
    ):
        assert channels(address).unary_unary("/x/X")(b"echo", timeout=20) == b"echo"


def test_who_cancels_is_noticed(channels: Callable[[str], grpc.Channel]) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    def behave(_request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(cancelled.set)
        begun.set()
        assert eventually(lambda: not context.is_active())
        return b""

    with serving(behave) as (_, address):
        call = channels(address).unary_unary("/x/X").future(b"", timeout=20)
        assert begun.wait(10)
        call.cancel()
        assert cancelled.wait(10)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:5000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("ipv6:[::ffff:192.0.2.1]:5000", "192.0.2.1"),
        ("ipv6:[::ffff:0:1]:5000", "::ffff:0:1"),
        ("unix:", "unix"),
    ],
)
def test_a_peer_has_one_address_whatever_writes_it(peer: str, address: str) -> None:
    assert peer_address(peer) == address
