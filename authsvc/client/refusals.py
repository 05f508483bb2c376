"""What a caller of a gRPC service is told when its token does not let it in."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from authsvc.client.bearer import token_of
from authsvc.errors import (
    AuthError,
    InsufficientScope,
    InsufficientUserAuthentication,
    RetryableError,
)
from authsvc.verify.assurance import step_up

_PUSHBACK = "grpc-retry-pushback-ms"
"""Tells gRPC's own retries how long to wait (gRFC A6)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The end of a call that was not let in."""

    code: grpc.StatusCode
    text: str
    trailers: tuple[tuple[str, str], ...] = ()


def refusal(error: AuthError) -> Refusal:
    """Tell of an error; whatever is wrong with a token, the caller hears the same."""
    if isinstance(error, InsufficientScope):
        return Refusal(grpc.StatusCode.PERMISSION_DENIED, "The token lacks a required scope.")
    if isinstance(error, InsufficientUserAuthentication):
        text = "A more recent or a stronger authentication is needed."
        trailers = (("www-authenticate", step_up(error)),)
        return Refusal(grpc.StatusCode.UNAUTHENTICATED, text, trailers)
    if isinstance(error, RetryableError):
        pause = str(ceil(error.retry_after.total_seconds() * 1000))
        return Refusal(
            grpc.StatusCode.UNAVAILABLE, "Tokens cannot be checked now.", ((_PUSHBACK, pause),)
        )
    return Refusal(grpc.StatusCode.UNAUTHENTICATED, "The token is missing or not active.")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the methods of a server ask of a token. One that is not named asks for an active one."""

    required_scopes: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By full name, as in `/orders.v1.OrderService/GetOrder`."""
    public: Collection[str] = ()
    """The full names of methods that need no token."""
    max_age: timedelta | None = None
    """How long ago the subject of a token may have proved who it is; None for any time."""
    acr: str = ""
    """The level that a token must reach, `aal1` or `aal2`; empty for any."""

    def __post_init__(self) -> None:
        """Refuse a method that is both."""
        if not set(self.public).isdisjoint(self.required_scopes):
            raise ValueError("a public method requires no scopes")
        if any(isinstance(scopes, str) for scopes in self.required_scopes.values()):
            raise ValueError("the scopes of a method are a collection of strings")


def token_in(context: Any) -> str:
    """Give the token in the metadata of a call.

    Raises:
        TokenRequired: There is not exactly one.

    """
    metadata: Iterable[tuple[str, str]] = context.invocation_metadata() or ()
    return token_of([value for key, value in metadata if key == "authorization"])


def certificate_in(context: Any) -> bytes:
    """Give the SHA-256 of the client certificate of a call's connection; empty if there is none."""
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), None)
    return x509.load_pem_x509_certificate(pem).fingerprint(SHA256()) if pem else b""


Wrap = Callable[[Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]


def surround(handler: Any, *, single: Wrap, stream: Wrap) -> Any:
    """Give the handler with its behaviour wrapped: `stream` if it answers with many messages."""
    serializers = (handler.request_deserializer, handler.response_serializer)
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(stream(handler.stream_stream), *serializers)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(single(handler.stream_unary), *serializers)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(stream(handler.unary_stream), *serializers)
    return grpc.unary_unary_rpc_method_handler(single(handler.unary_unary), *serializers)
