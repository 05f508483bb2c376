"""The interceptors let calls in, and tell nobody why not."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from authsvc.client import Verifier
from authsvc.client.bearer import borne
from authsvc.client.interceptors import AioAuthInterceptor, AuthInterceptor, current_claims
from authsvc.errors import TokenRequired
from tests.client.conftest import Follow, mint
from tests.client.feed_server import FeedServer
from tests.verify.minting import HEADER

_KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
_RULES: dict[str, Any] = {
    "required_scopes": {"/t.T/scoped": ("orders.delete",)},
    "public": ("/t.T/public",),
}


def _who() -> bytes:
    claims = borne.get()
    return claims.subject.encode() if claims else b"nobody"


def _handlers(**behaviours: Callable[..., Any]) -> Any:
    made = {kind: getattr(grpc, f"{kind}_rpc_method_handler")(behaviours[kind]) for kind in _KINDS}
    made["scoped"] = made["public"] = made["unary_unary"]
    return grpc.method_handlers_generic_handler("t.T", made)


@contextmanager
def _sync_server(verifier: Verifier) -> Iterator[str]:
    def streamed(request: Any, context: Any) -> Iterator[bytes]:
        yield _who()
        yield _who()

    def single(request: Any, context: Any) -> bytes:
        return _who()

    server = grpc.server(ThreadPoolExecutor(4), interceptors=[AuthInterceptor(verifier, **_RULES)])
    handlers = _handlers(
        unary_unary=single, stream_unary=single, unary_stream=streamed, stream_stream=streamed
    )
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


@contextmanager
def _aio_server(verifier: Verifier) -> Iterator[str]:
    """Run an asyncio server in a thread; its last kind writes to the context by itself."""

    async def single(request: Any, context: Any) -> bytes:
        return _who()

    async def streamed(request: Any, context: Any) -> Any:
        yield _who()
        yield _who()

    async def writing(request: Any, context: Any) -> None:
        await context.write(_who())
        await context.write(_who())

    started: Future[tuple[str, Callable[[], Any]]] = Future()

    async def serve() -> None:
        server = grpc.aio.server(interceptors=[AioAuthInterceptor(verifier, **_RULES)])
        handlers = _handlers(
            unary_unary=single, stream_unary=single, unary_stream=streamed, stream_stream=writing
        )
        server.add_generic_rpc_handlers((handlers,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        started.set_result((f"127.0.0.1:{port}", lambda: loop.call_soon_threadsafe(over.set)))
        await over.wait()
        await server.stop(0)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    address, end = started.result()
    try:
        yield address
    finally:
        end()
        thread.join()


@pytest.fixture(name="servers", params=[_sync_server, _aio_server], ids=["sync", "aio"])
def _servers(request: pytest.FixtureRequest) -> Callable[[Verifier], Any]:
    server: Callable[[Verifier], Any] = request.param
    return server


def _call(address: str, method: str, *headers: str, kind: str = "unary_unary") -> Any:
    with grpc.insecure_channel(address) as channel:
        call = getattr(channel, kind)(f"/t.T/{method}")
        request: Any = iter([b"x"]) if kind.startswith("stream") else b"x"
        metadata = [("authorization", header) for header in headers]
        answer = call(request, metadata=metadata, timeout=20)
        return list(answer) if kind.endswith("stream") else [answer]


def _refusal(address: str, method: str, *headers: str, kind: str = "unary_unary") -> Any:
    with pytest.raises(grpc.RpcError) as refused:
        _call(address, method, *headers, kind=kind)
    return refused.value


@pytest.mark.parametrize("kind", _KINDS)
def test_all_kinds_of_methods_have_the_claims(
    servers: Callable[[Verifier], Any], verifier: Verifier, kind: str
) -> None:
    token = mint()
    with servers(verifier) as address:
        answers = _call(address, kind, f"Bearer {token}", kind=kind)
        assert set(answers) == {b"acc_0193a5f0c0de7000800000000000beef"}
        assert _refusal(address, kind, kind=kind).code() is grpc.StatusCode.UNAUTHENTICATED


def test_every_refusal_of_a_token_reads_the_same(
    servers: Callable[[Verifier], Any], verifier: Verifier
) -> None:
    token = mint()
    with servers(verifier) as address:
        refusals = [
            _refusal(address, "unary_unary", *headers)
            for headers in (
                (),
                ("Bearer a.b.c",),
                (f"Basic {token}",),
                (f"Bearer {mint(exp=2, iat=1)}",),
                (f"Bearer {mint({**HEADER, 'kid': 'unknown'})}",),
                (f"Bearer {token}", f"Bearer {token}"),
            )
        ]
    assert {r.code() for r in refusals} == {grpc.StatusCode.UNAUTHENTICATED}
    assert len({r.details() for r in refusals}) == 1


def test_scopes_and_public_methods(servers: Callable[[Verifier], Any], verifier: Verifier) -> None:
    with servers(verifier) as address:
        refused = _refusal(address, "scoped", f"Bearer {mint()}")
        assert refused.code() is grpc.StatusCode.PERMISSION_DENIED
        _call(address, "scoped", f"Bearer {mint(scope='orders.delete')}")
        assert _call(address, "public") == [b"nobody"]
        assert _call(address, "public", "Bearer a.b.c") == [b"nobody"]


def test_staleness_is_unavailable_and_says_when_to_come_again(
    servers: Callable[[Verifier], Any], feed: FeedServer, follow: Follow
) -> None:
    with servers(follow()) as address:
        refused = _refusal(address, "unary_unary", f"Bearer {mint()}")
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert ("grpc-retry-pushback-ms", "1000") in [tuple(t) for t in refused.trailing_metadata()]


def test_rules_that_contradict_themselves_are_refused(verifier: Verifier) -> None:
    with pytest.raises(ValueError, match="public"):
        AuthInterceptor(verifier, required_scopes={"/t.T/x": ("a",)}, public=("/t.T/x",))
    with pytest.raises(ValueError, match="strings"):
        AuthInterceptor(verifier, required_scopes={"/t.T/x": "orders.read"})


def test_outside_of_a_call_there_are_no_claims() -> None:
    with pytest.raises(TokenRequired):
        current_claims()
