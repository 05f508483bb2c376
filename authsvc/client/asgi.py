"""Lets requests into ASGI applications by their access token, with or without a framework."""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from datetime import timedelta
from importlib import import_module
from math import ceil
from typing import Any

from authsvc.client.bearer import borne, current_claims, token_of
from authsvc.client.verifier import Verifier
from authsvc.errors import (
    AuthError,
    InsufficientScope,
    InsufficientUserAuthentication,
    RetryableError,
    TokenRequired,
)
from authsvc.verify.assurance import step_up
from authsvc.verify.claims import Claims

__all__ = ["AuthMiddleware", "current_claims", "require"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1


class AuthMiddleware:
    """Surrounds an application: requests and websockets get in with an active token only."""

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        *,
        required_scopes: Collection[str] = (),
        public_paths: Collection[str] = (),
        max_age: timedelta | None = None,
        acr: str = "",
    ) -> None:
        """Surround `app`; requests to `public_paths`, each spelled in full, need no token."""
        self._app = app
        self._verifier = verifier
        self._required_scopes = required_scopes
        self._public_paths = frozenset(public_paths)
        self._max_age = max_age
        self._acr = acr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        claims = None
        if scope["type"] != "lifespan" and scope["path"] not in self._public_paths:
            try:
                claims = await self._verifier.verify_async(
                    _token(scope),
                    required_scopes=self._required_scopes,
                    max_age=self._max_age,
                    acr=self._acr,
                )
            except AuthError as error:
                await _refuse(scope, send, *_answer(error, self._required_scopes))
                return
        before = borne.set(claims)
        try:
            await self._app(scope, receive, send)
        finally:
            borne.reset(before)


def require(
    verifier: Verifier, *scopes: str, max_age: timedelta | None = None, acr: str = ""
) -> Callable[[Any], Awaitable[Claims]]:
    """Make a dependency for FastAPI that gives the claims, as in `Depends(require(v, "read"))`."""
    http_exception = import_module("starlette.exceptions").HTTPException

    async def claims(connection: Any) -> Claims:
        try:
            return await verifier.verify_async(
                _token(connection.scope), required_scopes=scopes, max_age=max_age, acr=acr
            )
        except AuthError as error:
            status, headers = _answer(error, scopes)
            raise http_exception(status, headers=headers) from error

    # FastAPI reads here what to give; the name can't be written above without importing it.
    claims.__annotations__["connection"] = import_module("starlette.requests").HTTPConnection
    return claims


def _token(scope: Scope) -> str:
    return token_of(
        [value.decode("latin-1") for key, value in scope["headers"] if key == b"authorization"]
    )


def _answer(error: AuthError, scopes: Collection[str]) -> tuple[int, dict[str, str]]:
    """Give status and headers by RFC 6750, 3; what is wrong with a token is not told."""
    if isinstance(error, RetryableError):
        return 503, {"Retry-After": str(ceil(error.retry_after.total_seconds()))}
    if isinstance(error, InsufficientScope):
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
        return 403, {"WWW-Authenticate": challenge}
    if isinstance(error, InsufficientUserAuthentication):
        return 401, {"WWW-Authenticate": step_up(error)}
    if isinstance(error, TokenRequired):
        return 401, {"WWW-Authenticate": "Bearer"}
    return 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}


async def _refuse(scope: Scope, send: Send, status: int, headers: dict[str, str]) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    raw = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b""})
