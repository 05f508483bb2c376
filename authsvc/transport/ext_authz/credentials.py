"""The credentials of an HTTP request, as a proxy describes the request."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote, unquote_plus

from authsvc.errors import FieldViolation, InvalidRequest, TokenRequired
from authsvc.transport.callers import AUTHORIZATION
from authsvc.transport.peer_certificates import sha256_of

_SCHEME = "bearer"
_IN_QUERY = "access_token"


def header_names(http: Any) -> Iterable[str]:
    """Give the names of a request's headers."""
    if http.HasField("header_map"):
        return [entry.key for entry in http.header_map.headers]
    names: Iterable[str] = http.headers
    return names


def bearer_token(http: Any) -> str:
    """Give the access token of a request.

    Raises:
        TokenRequired: It has none.
        InvalidRequest: It has several credentials, of which another than the one that is checked
            here might be believed behind the proxy (RFC 6750, 2 and 3.1).

    """
    headers = _authorizations(http)
    if len(headers) > 1:
        raise _ambiguous("There must be one authorization header.")
    scheme, _, token = headers[0].partition(" ") if headers else ("", "", "")
    if scheme.lower() != _SCHEME:
        raise TokenRequired
    if "," in token:  # a proxy joins headers of one name so; no token has a comma
        raise _ambiguous("There must be one authorization header.")
    if "?" in http.path and _IN_QUERY in _query_names(http.path):
        raise _ambiguous("A request with an authorization header must have no token in its query.")
    return token


def certificate_shown(source: Any) -> bytes:
    """Give the SHA-256 of the certificate by which a client has proven itself to the proxy.

    It is what the proxy itself has seen, never a header; empty if it has seen none, or does not
    tell (`include_peer_certificate`).

    Raises:
        InvalidRequest: What the proxy tells is no certificate.

    """
    if not source.certificate:
        return b""
    try:
        return sha256_of(unquote(source.certificate).encode())
    except ValueError:
        rule = "It must be a certificate in URL-encoded PEM."
        raise InvalidRequest(FieldViolation("attributes.source.certificate", rule)) from None


def _authorizations(http: Any) -> Sequence[str]:
    if http.HasField("header_map"):
        return [
            entry.raw_value.decode("latin-1") or entry.value
            for entry in http.header_map.headers
            if entry.key.lower() == AUTHORIZATION
        ]
    value = http.headers.get(AUTHORIZATION)
    return [] if value is None else [value]


def _query_names(path: str) -> Iterable[str]:
    query = path.partition("?")[2].replace(";", "&")
    return [unquote_plus(pair.partition("=")[0]) for pair in query.split("&")]


def _ambiguous(description: str) -> InvalidRequest:
    return InvalidRequest(FieldViolation("attributes.request.http", description))
