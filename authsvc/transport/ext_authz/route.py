"""What a route of the proxy asks of a token: the context extensions of its configuration."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from authsvc.domain.requirements import NOTHING_MORE, Requirements
from authsvc.errors import FieldViolation, InvalidRequest
from authsvc.verify.assurance import AAL1, AAL2

_KNOWN_ROUTES = 1024

# As VerifyTokenRequest has them; scopes besides in the alphabet of RFC 6749, 3.3.
_is_audience = re.compile(r"[ -~]{1,255}").fullmatch
_are_scopes = re.compile(r"[!#-\[\]-~]{1,128}(?: [!#-\[\]-~]{1,128}){0,63}").fullmatch
_is_age = re.compile(r"[0-9]{1,9}").fullmatch


class Route(NamedTuple):
    """What a route asks of a token, and where the token goes."""

    requirements: Requirements = NOTHING_MORE
    forward_authorization: bool = False
    """Whether the token goes on to the service behind the proxy."""


_ANY = Route()


def route_of(extensions: Mapping[str, str]) -> Route:
    """Read the context extensions of a route.

    Raises:
        InvalidRequest: One is not known or says nothing that is understood. It is the
            configuration that is wrong, and to ignore it would be to let through too much.

    """
    return _read(frozenset(extensions.items())) if extensions else _ANY


@lru_cache(maxsize=_KNOWN_ROUTES)
def _read(extensions: frozenset[tuple[str, str]]) -> Route:
    route, violations = _ANY, []
    for name, value in sorted(extensions):
        extension = _EXTENSIONS.get(name)
        if extension is None:
            known = ", ".join(_EXTENSIONS)
            violations.append(_violation(name, f"There is no such extension, only {known}."))
        elif not extension.is_valid(value):
            violations.append(_violation(name, extension.rule))
        else:
            route = extension.put(route, value)
    if violations:
        raise InvalidRequest(*violations)
    return route


def _asking(route: Route, **more: Any) -> Route:
    return route._replace(requirements=route.requirements._replace(**more))


@dataclass(frozen=True, slots=True)
class _Extension:
    rule: str
    is_valid: Callable[[str], object]
    put: Callable[[Route, str], Route]


_EXTENSIONS: Mapping[str, _Extension] = {
    "audience": _Extension(
        "It must be an audience.",
        _is_audience,
        lambda route, value: _asking(route, audience=value),
    ),
    "required_scopes": _Extension(
        "It must be scopes with single spaces between.",
        _are_scopes,
        lambda route, value: _asking(route, scopes=tuple(value.split(" "))),
    ),
    "max_age": _Extension(
        "It must be a whole number of seconds.",
        _is_age,
        lambda route, value: _asking(route, max_age=timedelta(seconds=int(value))),
    ),
    "acr": _Extension(
        f"It must be {AAL1} or {AAL2}.",
        (AAL1, AAL2).__contains__,
        lambda route, value: _asking(route, acr=value),
    ),
    "forward_authorization": _Extension(
        "It must be true or false.",
        ("true", "false").__contains__,
        lambda route, value: route._replace(forward_authorization=value == "true"),
    ),
}


def _violation(name: str, description: str) -> FieldViolation:
    return FieldViolation(f'attributes.context_extensions["{name[:64]}"]', description)
