"""Step-up in a verifier's own process: too old or too weak is not inactive (RFC 9470)."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated, Any

import grpc
import httpx
import pytest
from fastapi import Depends, FastAPI

from authsvc.client import Verifier
from authsvc.client.asgi import AuthMiddleware, require
from authsvc.client.interceptors import AuthInterceptor
from authsvc.errors import InsufficientUserAuthentication, TokenInactive
from authsvc.verify.claims import Claims
from tests.client.conftest import mint

MINUTE = timedelta(minutes=1)
CHALLENGE = 'Bearer error="insufficient_user_authentication"'


def session(*, age: int = 0, acr: str = "aal1") -> str:
    """A token of somebody who proved who they are so many seconds ago."""
    return mint(auth_time=int(time.time()) - age, acr=acr)


def refusal(verifier: Verifier, token: str, **wanted: Any) -> InsufficientUserAuthentication | None:
    try:
        verifier.verify(token, **wanted)
    except InsufficientUserAuthentication as error:
        return error
    return None


def test_a_token_that_is_young_and_strong_enough_is_let_in(verifier: Verifier) -> None:
    for token, wanted in (
        (session(age=10**6), {}),
        (session(age=30), {"max_age": MINUTE}),
        (session(), {"acr": "aal1"}),
        (session(acr="aal2"), {"acr": "aal1"}),
        (session(age=30, acr="aal2"), {"acr": "aal2", "max_age": MINUTE}),
    ):
        assert refusal(verifier, token, **wanted) is None
        assert asyncio.run(verifier.verify_async(token, **wanted)).session_id


@pytest.mark.parametrize(
    ("age", "acr", "wanted"),
    [
        (90, "aal1", {"max_age": MINUTE}),
        (5, "aal1", {"max_age": timedelta(0)}),
        (0, "aal1", {"acr": "aal2"}),
        (0, "", {"acr": "aal1"}),
        (0, "AAL2", {"acr": "aal2"}),
        (0, "aal9", {"acr": "aal2"}),
        (90, "aal2", {"acr": "aal2", "max_age": MINUTE}),
    ],
)
def test_a_token_that_is_older_or_weaker_is_refused_with_what_is_wanted(
    age: int, acr: str, wanted: dict[str, Any], verifier: Verifier
) -> None:
    found = refusal(verifier, session(age=age, acr=acr), **wanted)
    assert found is not None
    assert (found.max_age, found.acr) == (wanted.get("max_age"), wanted.get("acr", ""))


def test_an_inactive_token_is_inactive_however_strong(verifier: Verifier) -> None:
    with pytest.raises(TokenInactive):
        verifier.verify(mint(exp=2, iat=1, acr="aal2"), max_age=MINUTE, acr="aal2")


def get(app: Any, token: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return await client.get("/x", headers={"Authorization": f"Bearer {token}"})

    return asyncio.run(ask())


async def plain(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def with_dependency(verifier: Verifier) -> FastAPI:
    app = FastAPI()

    @app.get("/x")
    async def read(
        claims: Annotated[Claims, Depends(require(verifier, acr="aal2", max_age=MINUTE))],
    ) -> str:
        return claims.acr

    return app


def test_asgi_applications_say_what_is_wanted(verifier: Verifier) -> None:
    middleware = AuthMiddleware(plain, verifier, acr="aal2", max_age=MINUTE)
    for app in (middleware, with_dependency(verifier)):
        assert get(app, session(acr="aal2")).status_code == 200
        refused = get(app, session(acr="aal1"))
        assert refused.status_code == 401
        expected = f'{CHALLENGE}, acr_values="aal2", max_age="60"'
        assert refused.headers["www-authenticate"] == expected


def test_interceptors_say_what_is_wanted(verifier: Verifier) -> None:
    interceptor = AuthInterceptor(verifier, acr="aal2")
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[interceptor])
    handler = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"m": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/t.T/m")
            strong, weak = (
                (("authorization", f"Bearer {session(acr=acr)}"),) for acr in ("aal2", "aal1")
            )
            assert call(b"x", metadata=strong) == b"x"
            with pytest.raises(grpc.RpcError) as caught:
                call(b"x", metadata=weak)
    finally:
        server.stop(0).wait()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    trailers = dict(caught.value.trailing_metadata())
    assert trailers["www-authenticate"] == f'{CHALLENGE}, acr_values="aal2"'
