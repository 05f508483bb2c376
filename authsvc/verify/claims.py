"""The claims of an access token (RFC 9068, 2.2), typed strictly.

What has the right shape is not yet right: issuer, audience and times are judged in `verifier.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authsvc.errors import TokenDefect, TokenInactive

_SUBJECT_PREFIXES = ("acc_", "svc_")
"""People and services have names that never collide (P-TOK-8)."""

_UNENFORCED = frozenset({"cnf", "nbf"})
"""Claims that narrow a token in ways not checked here; to ignore one would be to widen it."""

_INTEGER_END = 2**53
"""Above, JSON numbers are not the same everywhere (RFC 7493, 2.2)."""

_STRING_ONLY = frozenset({str})

# RFC 6749, 3.3: visible ASCII but for the quote and the backslash, with single spaces between.
_is_scope = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]++(?: [\x21\x23-\x5B\x5D-\x7E]++)*+").fullmatch


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says. Times are seconds since 1970."""

    issuer: str
    subject: str
    session_id: str
    token_id: str
    client_id: str
    audience: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    issued_at: int
    expires_at: int
    authenticated_at: int
    amr: tuple[str, ...]
    acr: str
    epoch: int
    actor: str
    """The `sub` of `act` (RFC 8693, 4.1): who acts for the subject; empty if it acts itself."""


def read_claims(payload: Mapping[str, Any]) -> Claims:
    """Read the payload of a token.

    Raises:
        TokenInactive: CLAIMS, if a required claim is missing, one has a wrong type, or one is
            there that narrows the token in a way that is not checked here.

    """
    if not _UNENFORCED.isdisjoint(payload):
        raise TokenInactive(TokenDefect.CLAIMS)
    return Claims(
        issuer=_name(payload, "iss"),
        subject=_subject(payload),
        session_id=_name(payload, "sid"),
        token_id=_name(payload, "jti"),
        client_id=_name(payload, "client_id"),
        audience=_name(payload, "aud"),
        scopes=_scopes(payload),
        roles=_strings(payload, "roles"),
        issued_at=_integer(payload, "iat"),
        expires_at=_integer(payload, "exp"),
        authenticated_at=_integer(payload, "auth_time"),
        amr=_strings(payload, "amr"),
        acr=_text(payload, "acr"),
        epoch=_integer(payload, "epoch"),
        actor=_actor(payload),
    )


def _name(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if type(value) is not str or not value:
        raise TokenInactive(TokenDefect.CLAIMS)
    return value


def _subject(claims: Mapping[str, Any]) -> str:
    subject = _name(claims, "sub")
    if not subject.startswith(_SUBJECT_PREFIXES) or subject in _SUBJECT_PREFIXES:
        raise TokenInactive(TokenDefect.CLAIMS)
    return subject


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if type(value) is not str:
        raise TokenInactive(TokenDefect.CLAIMS)
    return value


def _integer(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    # Not isinstance: a bool is an int there.
    if type(value) is not int or not 0 <= value < _INTEGER_END:
        raise TokenInactive(TokenDefect.CLAIMS)
    return value


def _scopes(claims: Mapping[str, Any]) -> tuple[str, ...]:
    scope = _text(claims, "scope")
    if not scope:
        return ()
    if not _is_scope(scope):
        raise TokenInactive(TokenDefect.CLAIMS)
    return tuple(scope.split(" "))


def _strings(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if name not in claims:
        return ()
    values = claims[name]
    if type(values) is not list or not _STRING_ONLY.issuperset(map(type, values)):
        raise TokenInactive(TokenDefect.CLAIMS)
    return tuple(values)


def _actor(claims: Mapping[str, Any]) -> str:
    if "act" not in claims:
        return ""
    actor = claims["act"]
    if type(actor) is not dict:
        raise TokenInactive(TokenDefect.CLAIMS)
    return _name(actor, "sub")
