"""The HTTP port: key set, metadata, metrics and health, for GET and HEAD only.

Nothing that a request says is ever part of an answer.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from authsvc.transport.health import OVERALL

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_JWKS_PATH = "/.well-known/jwks.json"
_KEY_SET_MAX_AGE = "public, max-age=300"
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_SECURITY_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK
    cache_control: str = "no-store"
    headers: tuple[tuple[str, str], ...] = ()


class HttpApplication:
    """The WSGI application of the HTTP port."""

    def __init__(
        self,
        *,
        published_keys: Callable[[], list[dict[str, str]]],
        issuer: str,
        services: Iterable[str],
        is_serving: Callable[[str], bool],
        metrics: Callable[[], tuple[bytes, str]],
    ) -> None:
        self._published_keys = published_keys
        self._is_serving = is_serving
        self._metrics = metrics
        self._metadata = _server_metadata(issuer)
        self._routes: dict[str, Callable[[], _Answer]] = {
            _JWKS_PATH: self._jwks,
            "/.well-known/oauth-authorization-server": self._server_metadata,
            "/metrics": self._render_metrics,
            "/healthz": lambda: _text("alive"),
            "/readyz": lambda: self._readiness(OVERALL),
        }
        for service in services:
            self._routes[f"/readyz/{service}"] = partial(self._readiness, service)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        answer = self._answer(environ)
        start_response(
            f"{answer.status.value} {answer.status.phrase}",
            [
                ("Content-Type", answer.content_type),
                ("Content-Length", str(len(answer.body))),
                ("Cache-Control", answer.cache_control),
                *answer.headers,
                *_SECURITY_HEADERS,
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: "WSGIEnvironment") -> _Answer:
        route = self._routes.get(environ.get("PATH_INFO", ""))
        if route is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
        answer = route()
        etag = dict(answer.headers).get("ETag")
        if etag is not None and environ.get("HTTP_IF_NONE_MATCH") == etag:
            return _Answer(
                body=b"",
                content_type=answer.content_type,
                status=HTTPStatus.NOT_MODIFIED,
                cache_control=answer.cache_control,
                headers=answer.headers,
            )
        return answer

    def _jwks(self) -> _Answer:
        body = _encode({"keys": self._published_keys()})
        return _Answer(
            body=body,
            content_type="application/jwk-set+json",
            cache_control=_KEY_SET_MAX_AGE,
            headers=(("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"'),),
        )

    def _server_metadata(self) -> _Answer:
        return _Answer(body=self._metadata, content_type=_JSON, cache_control=_KEY_SET_MAX_AGE)

    def _render_metrics(self) -> _Answer:
        body, content_type = self._metrics()
        return _Answer(body=body, content_type=content_type)

    def _readiness(self, service: str) -> _Answer:
        if self._is_serving(service):
            return _text("ready")
        return _text("not ready", HTTPStatus.SERVICE_UNAVAILABLE)


def _server_metadata(issuer: str) -> bytes:
    """Say what of RFC 8414 applies: there are no OAuth endpoints over HTTP."""
    return _encode(
        {
            "issuer": issuer,
            "jwks_uri": issuer + _JWKS_PATH,
            "response_types_supported": [],
            "grant_types_supported": ["password", "refresh_token"],
        }
    )


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _text(text: str, status: HTTPStatus = HTTPStatus.OK) -> _Answer:
    return _Answer(body=text.encode() + b"\n", content_type=_TEXT, status=status)


def _refusal(status: HTTPStatus, *headers: tuple[str, str]) -> _Answer:
    return _Answer(
        body=status.phrase.encode() + b"\n", content_type=_TEXT, status=status, headers=headers
    )
