"""What the service behind the proxy is told of who calls: headers that nobody else can set.

Each of them is either overwritten or removed, so that what arrives behind the proxy is ours or
nothing. A value never holds what could end a header: all but visible ASCII is percent-encoded.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from authsvc.transport.callers import AUTHORIZATION
from authsvc.transport.ext_authz.messages import CheckResponse, OkHttpResponse, header
from authsvc.verify.claims import Claims

_VISIBLE = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""What `quote` leaves as it is, beside letters and digits: visible ASCII but for `%`."""


def _text(value: str) -> str:
    return quote(value, safe=_VISIBLE)


def _list(values: Iterable[str]) -> str:
    return " ".join(map(_text, values))


_VALUES: Mapping[str, Callable[[Claims], str]] = {
    "x-auth-subject": lambda claims: _text(claims.subject),
    "x-auth-session": lambda claims: _text(claims.session_id),
    "x-auth-client": lambda claims: _text(claims.client_id),
    "x-auth-audience": lambda claims: _text(claims.audience),
    "x-auth-scopes": lambda claims: _list(claims.scopes),
    "x-auth-roles": lambda claims: _list(claims.roles),
    "x-auth-acr": lambda claims: _text(claims.acr),
    "x-auth-actor": lambda claims: _text(claims.actor),
}

IDENTITY_HEADERS = frozenset(_VALUES)
"""The names of the headers."""


def allowance(claims: Claims, *, forward_authorization: bool) -> Any:
    """Give the answer that lets a request through, with the headers that say who calls."""
    values = {name: value(claims) for name, value in _VALUES.items()}
    withheld = [] if forward_authorization else [AUTHORIZATION]
    return CheckResponse(
        status={},  # OK, and there: a missing one would do, but says nothing
        ok_response=OkHttpResponse(
            headers=[header(name, value) for name, value in values.items() if value],
            headers_to_remove=[*(name for name, value in values.items() if not value), *withheld],
        ),
    )


def lookalikes(names: Iterable[str]) -> list[str]:
    """Give the headers of a request that some servers can't tell from ours.

    CGI, WSGI and their like read `x_auth_subject` as `x-auth-subject` (RFC 3875, 4.1.18).
    """
    return [
        name for name in names if "_" in name and name.lower().replace("_", "-") in IDENTITY_HEADERS
    ]


def removal(names: Iterable[str]) -> bytes:
    """Give what is to be joined to the bytes of an allowance to remove more headers."""
    answer = CheckResponse(ok_response=OkHttpResponse(headers_to_remove=names))
    return bytes(answer.SerializeToString())
