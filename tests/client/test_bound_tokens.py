"""Where the library lets calls in, a bound token needs its certificate (P-INT-2; RFC 8705, 3)."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from authsvc.client import Verifier
from authsvc.client.interceptors import AioAuthInterceptor, AuthInterceptor
from authsvc.errors import TokenInactive
from tests.client.conftest import mint
from tests.service import bearer
from tests.tls.certificates import Authority, Pair, spiffe
from tests.verify.minting import encode

CA = Authority()
ONE, OTHER = (CA.client(spiffe(name)) for name in ("one", "other"))


def sha256(pair: Pair) -> bytes:
    return x509.load_pem_x509_certificate(pair.certificate).fingerprint(SHA256())


BOUND = mint(cnf={"x5t#S256": encode(sha256(ONE))})


def _credentials() -> grpc.ServerCredentials:
    server = CA.server()
    return grpc.ssl_server_credentials(
        [(server.key, server.certificate)], CA.certificate, require_client_auth=True
    )


def _handlers(answer: Callable[..., Any]) -> Any:
    return grpc.method_handlers_generic_handler(
        "t.T", {"ask": grpc.unary_unary_rpc_method_handler(answer)}
    )


def _open(server: Any, *, with_tls: bool) -> int:
    if with_tls:
        return server.add_secure_port("127.0.0.1:0", _credentials())  # type: ignore[no-any-return]
    return server.add_insecure_port("127.0.0.1:0")  # type: ignore[no-any-return]


@contextmanager
def _sync_server(verifier: Verifier, *, with_tls: bool) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[AuthInterceptor(verifier)])
    server.add_generic_rpc_handlers((_handlers(lambda _request, _context: b"in"),))
    port = _open(server, with_tls=with_tls)
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


@contextmanager
def _aio_server(verifier: Verifier, *, with_tls: bool) -> Iterator[int]:
    async def answer(_request: Any, _context: Any) -> bytes:
        return b"in"

    async def start() -> tuple[Any, int]:
        server = grpc.aio.server(interceptors=[AioAuthInterceptor(verifier)])
        server.add_generic_rpc_handlers((_handlers(answer),))
        port = _open(server, with_tls=with_tls)
        await server.start()
        return server, port

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(0), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _ask(channel: grpc.Channel, token: str) -> str:
    try:
        return channel.unary_unary("/t.T/ask")(b"", metadata=bearer(token)).decode()  # type: ignore[no-any-return]
    except grpc.RpcError as error:
        return error.code().name  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("serve", [_sync_server, _aio_server])
def test_p_int_2_a_bound_token_lets_in_over_its_own_certificate_alone(
    verifier: Verifier, serve: Callable[..., Any]
) -> None:
    with serve(verifier, with_tls=True) as port:
        answers = {}
        for name, pair in (("one", ONE), ("other", OTHER)):
            options = (("grpc.use_local_subchannel_pool", 1),)
            address = f"127.0.0.1:{port}"
            with grpc.secure_channel(address, CA.trusted(pair), options) as channel:
                answers[name] = [_ask(channel, BOUND), _ask(channel, mint())]

    assert answers == {"one": ["in", "in"], "other": ["UNAUTHENTICATED", "in"]}


@pytest.mark.parametrize("serve", [_sync_server, _aio_server])
def test_p_int_2_a_bound_token_lets_nobody_in_without_certificates(
    verifier: Verifier, serve: Callable[..., Any]
) -> None:
    with (
        serve(verifier, with_tls=False) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        assert [_ask(channel, BOUND), _ask(channel, mint())] == ["UNAUTHENTICATED", "in"]


def test_p_int_2_the_verifier_asks_for_the_certificate_of_a_bound_token_alone(
    verifier: Verifier,
) -> None:
    asked = []

    def shown() -> bytes:
        asked.append(1)
        return sha256(ONE)

    assert verifier.verify(BOUND, certificate=shown).certificate == sha256(ONE)
    verifier.verify(mint(), certificate=shown)

    assert len(asked) == 1
    for certificate in (None, lambda: sha256(OTHER)):
        with pytest.raises(TokenInactive):
            verifier.verify(BOUND, **({"certificate": certificate} if certificate else {}))
