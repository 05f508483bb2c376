"""The claims of an access token (RFC 9068, 2.2), typed strictly.

What has the right shape is not yet right: issuer, audience and times are judged in `verifier.py`.
"""

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from authsvc.errors import TokenDefect, TokenInactive

_SUBJECT_PREFIXES = ("acc_", "svc_")
"""People and services have names that never collide (P-TOK-8)."""

_UNENFORCED = frozenset({"cnf", "nbf"})
"""Claims that narrow a token in ways not checked here; to ignore one would be to widen it."""

_INTEGER_END = 2**53
"""Above, JSON numbers are not the same everywhere (RFC 7493, 2.2)."""

_STRING_ONLY = frozenset({str})
_INTEGER_ONLY = frozenset({int})

# What every token has, taken and checked in one go.
_take_names = itemgetter("iss", "sub", "sid", "jti", "client_id", "aud")
_take_numbers = itemgetter("iat", "exp", "auth_time", "epoch")

# RFC 6749, 3.3: visible ASCII but for the quote and the backslash, with single spaces between.
_is_scope = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]++(?: [\x21\x23-\x5B\x5D-\x7E]++)*+").fullmatch


class Claims(NamedTuple):
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
    try:
        names, numbers = _take_names(payload), _take_numbers(payload)
    except KeyError:
        raise TokenInactive(TokenDefect.CLAIMS) from None
    if not _STRING_ONLY.issuperset(map(type, names)) or not all(names):
        raise TokenInactive(TokenDefect.CLAIMS)
    # Not isinstance: a bool is an int there.
    if not _INTEGER_ONLY.issuperset(map(type, numbers)):
        raise TokenInactive(TokenDefect.CLAIMS)
    if min(numbers) < 0 or max(numbers) >= _INTEGER_END:
        raise TokenInactive(TokenDefect.CLAIMS)
    issuer, subject, session_id, token_id, client_id, audience = names
    if not subject.startswith(_SUBJECT_PREFIXES) or subject in _SUBJECT_PREFIXES:
        raise TokenInactive(TokenDefect.CLAIMS)
    issued_at, expires_at, authenticated_at, epoch = numbers
    return Claims(
        issuer,
        subject,
        session_id,
        token_id,
        client_id,
        audience,
        _scopes(payload),
        _strings(payload, "roles"),
        issued_at,
        expires_at,
        authenticated_at,
        _strings(payload, "amr"),
        _text(payload, "acr"),
        epoch,
        _actor(payload),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if type(value) is not str:
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
    subject = _text(actor, "sub")
    if not subject:
        raise TokenInactive(TokenDefect.CLAIMS)
    return subject
