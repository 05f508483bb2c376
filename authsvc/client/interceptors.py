"""Interceptors that let calls into a gRPC server by their access token.

The token stands in the metadata `authorization: Bearer …`; one that is bound to a certificate must
come by a connection on which that was shown (mutual TLS). Its claims are `current_claims()` for
as long as the call is served.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import grpc.aio

from authsvc.client.bearer import borne, current_claims
from authsvc.client.refusals import Rules, certificate_in, refusal, surround, token_in
from authsvc.client.verifier import Verifier
from authsvc.errors import AuthError
from authsvc.verify.claims import Claims

__all__ = ["AioAuthInterceptor", "AuthInterceptor", "current_claims"]

_Behaviour = Callable[[Any, Any], Any]


class _Interceptor:
    """What lets calls in, whatever the server."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        required_scopes: Mapping[str, Collection[str]] | None = None,
        public: Collection[str] = (),
        max_age: timedelta | None = None,
        acr: str = "",
    ) -> None:
        """Let calls in by the rules of `Rules`."""
        self._verifier = verifier
        self._rules = Rules(required_scopes or {}, public, max_age, acr)


class AuthInterceptor(_Interceptor, grpc.ServerInterceptor):
    """For `grpc.server`."""

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], details: Any
    ) -> Any:
        """Give the surrounded handler of a method."""
        handler, method = continuation(details), details.method
        if handler is None:
            return None

        def single(behaviour: _Behaviour) -> _Behaviour:
            def answer(request: Any, context: grpc.ServicerContext) -> Any:
                borne.set(self._admit(method, context))
                return behaviour(request, context)

            return answer

        def stream(behaviour: _Behaviour) -> _Behaviour:
            def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
                borne.set(self._admit(method, context))
                yield from behaviour(request, context)

            return answer

        return surround(handler, single=single, stream=stream)

    def _admit(self, method: str, context: grpc.ServicerContext) -> Claims | None:
        if method in self._rules.public:
            return None
        scopes = self._rules.required_scopes.get(method, ())
        try:
            return self._verifier.verify(
                token_in(context),
                required_scopes=scopes,
                max_age=self._rules.max_age,
                acr=self._rules.acr,
                certificate=partial(certificate_in, context),
            )
        except AuthError as error:
            refused = refusal(error)
        context.set_trailing_metadata(refused.trailers)
        context.abort(refused.code, refused.text)
        raise AssertionError  # abort has raised


class AioAuthInterceptor(_Interceptor, grpc.aio.ServerInterceptor):
    """For `grpc.aio.server`, whose handlers must be coroutines or asynchronous generators."""

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: Any
    ) -> Any:
        """Give the surrounded handler of a method."""
        handler, method = await continuation(details), details.method
        if handler is None:
            return None

        def single(behaviour: _Behaviour) -> _Behaviour:
            async def answer(request: Any, context: Any) -> Any:
                borne.set(await self._admit(method, context))
                return await behaviour(request, context)

            return answer

        def stream(behaviour: _Behaviour) -> _Behaviour:
            async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
                borne.set(await self._admit(method, context))
                if inspect.isasyncgenfunction(behaviour):
                    async for response in behaviour(request, context):
                        yield response
                else:  # it writes to the context
                    await behaviour(request, context)

            return answer

        return surround(handler, single=single, stream=stream)

    async def _admit(self, method: str, context: Any) -> Claims | None:
        if method in self._rules.public:
            return None
        scopes = self._rules.required_scopes.get(method, ())
        try:
            return await self._verifier.verify_async(
                token_in(context),
                required_scopes=scopes,
                max_age=self._rules.max_age,
                acr=self._rules.acr,
                certificate=partial(certificate_in, context),
            )
        except AuthError as error:
            refused = refusal(error)
        await context.abort(refused.code, refused.text, refused.trailers)
        raise AssertionError  # abort has raised
