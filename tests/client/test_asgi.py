"""Requests into ASGI applications, by FastAPI itself and without it (RFC 6750, 3)."""

import asyncio
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI

from authsvc.client import Verifier
from authsvc.client.asgi import AuthMiddleware, current_claims, require
from authsvc.verify.claims import Claims
from tests.client.conftest import Follow, mint


def _get(app: Any, path: str, *tokens: str) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            headers = [("Authorization", f"Bearer {token}") for token in tokens]
            return await client.get(path, headers=headers)

    return asyncio.run(get())


def _with_dependency(verifier: Verifier) -> FastAPI:
    app = FastAPI()

    @app.get("/read")
    async def read(claims: Annotated[Claims, Depends(require(verifier, "orders.read"))]) -> str:
        return claims.subject

    @app.get("/delete", dependencies=[Depends(require(verifier, "orders.read", "orders.delete"))])
    async def delete() -> str:
        return "deleted"

    return app


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": current_claims().client_id})
        await send({"type": "websocket.close"})
        return
    body = b"public" if scope["path"] == "/ping" else current_claims().subject.encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_a_dependency_gives_claims_or_the_challenge(verifier: Verifier) -> None:
    app = _with_dependency(verifier)
    assert _get(app, "/read", mint()).json() == "acc_0193a5f0c0de7000800000000000beef"

    missing = _get(app, "/read")
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
    bad = _get(app, "/read", "a.b.c")
    assert bad.status_code == 401
    assert bad.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    narrow = _get(app, "/delete", mint())
    assert narrow.status_code == 403
    assert narrow.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="orders.read orders.delete"'
    )
    assert "connection" not in app.openapi()["paths"]["/read"]["get"].get("parameters", [])


def test_middleware_guards_all_but_the_public_paths(verifier: Verifier) -> None:
    app = AuthMiddleware(_plain, verifier, public_paths=("/ping",))
    assert _get(app, "/x", mint()).text == "acc_0193a5f0c0de7000800000000000beef"
    assert _get(app, "/x").status_code == 401
    assert _get(app, "/x", mint(), mint()).status_code == 401
    assert _get(app, "/ping").text == "public"
    assert _get(app, "/ping/").status_code == 401
    scoped = AuthMiddleware(_plain, verifier, required_scopes=("orders.delete",))
    assert _get(scoped, "/x", mint()).status_code == 403


def _open_websocket(app: Any, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({"type": "websocket", "path": "/ws", "headers": headers}, receive, send))
    return sent


def test_a_websocket_gets_in_by_its_token(verifier: Verifier) -> None:
    app = AuthMiddleware(_plain, verifier)
    served = _open_websocket(app, (b"authorization", f"Bearer {mint()}".encode()))
    assert {"type": "websocket.send", "text": "web"} in served
    assert _open_websocket(app) == [{"type": "websocket.close", "code": 1008}]


def test_staleness_is_503_with_the_time_to_come_again(follow: Follow) -> None:
    stale = _get(AuthMiddleware(_plain, follow()), "/x", mint())
    assert (stale.status_code, stale.headers["retry-after"]) == (503, "1")
