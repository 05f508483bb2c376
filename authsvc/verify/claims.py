"""The claims of an access token (RFC 9068, 2.2), typed strictly.

What has the right shape is not yet right: issuer, audience and times are judged in `verifier.py`.
"""

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.jws import decode_base64url

_SUBJECT_PREFIXES = ("acc_", "svc_")
"""People and services have names that never collide (P-TOK-8)."""

_NARROWING = frozenset({"nbf", "cnf", "act", "lineage", "lineage_keys"})
"""Claims that few tokens have, and that narrow one; to ignore one would be to widen the token."""

MAX_ACTORS = 4
"""How often a token may be passed on."""

_THUMBPRINT = "x5t#S256"
_SHA256_BYTES = 32
_DELEGATION = frozenset({"act", "lineage", "lineage_keys"})
_ACTOR_MEMBERS = frozenset({"sub", "epoch", "sid"})

_INTEGER_END = 2**53
"""Above, JSON numbers are not the same everywhere (RFC 7493, 2.2)."""

_STRING_ONLY = frozenset({str})
_INTEGER_ONLY = frozenset({int})

# What every token has, taken and checked in one go.
_take_names = itemgetter("iss", "sub", "sid", "jti", "client_id", "aud")
_take_numbers = itemgetter("iat", "exp", "auth_time", "epoch")

# RFC 6749, 3.3: visible ASCII but for the quote and the backslash, with single spaces between.
_is_scope = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]++(?: [\x21\x23-\x5B\x5D-\x7E]++)*+").fullmatch


class Actor(NamedTuple):
    """A service that had a token made from another (RFC 8693, 4.1), and what that ends with."""

    subject: str
    epoch: int
    """Of the service account at that time: lower than its epoch means dead."""
    session_id: str
    """The `sid` of the credential that it proved itself by."""


class Delegation(NamedTuple):
    """Where an exchanged token comes from: it dies with any of these."""

    actors: tuple[Actor, ...]
    """The one that acts now first."""
    token_ids: tuple[str, ...]
    """The `jti` of the token that it was made from, and of those which that was made from."""
    key_ids: tuple[str, ...] = ()
    """The `kid` of the keys that these were signed by."""


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
    actor: str = ""
    """The `sub` of `act` (RFC 8693, 4.1): who acts for the subject; empty if it acts itself."""
    delegation: Delegation | None = None
    """Of an exchanged token; None if the subject acts itself."""
    certificate: bytes = b""
    """SHA-256 of the certificate that must come with the token (RFC 8705, 3); empty for none."""


def read_claims(payload: Mapping[str, Any]) -> Claims:
    """Read the payload of a token.

    Raises:
        TokenInactive: CLAIMS, if a required claim is missing, one has a wrong type, or one is
            there that narrows the token in a way that is not checked here.

    """
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
    claims = Claims(
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
    )
    return claims if _NARROWING.isdisjoint(payload) else _narrowed(claims, payload)


def _narrowed(claims: Claims, payload: Mapping[str, Any]) -> Claims:
    """Complete the claims by those that narrow a token; what is not checked here is refused."""
    if "nbf" in payload:
        raise TokenInactive(TokenDefect.CLAIMS)
    delegation = _delegation(payload)
    return claims._replace(
        actor="" if delegation is None else delegation.actors[0].subject,
        delegation=delegation,
        certificate=_certificate(payload),
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


def _delegation(claims: Mapping[str, Any]) -> Delegation | None:
    if _DELEGATION.isdisjoint(claims):
        return None
    actors, token_ids = _actors(claims), _strings(claims, "lineage")
    key_ids = _strings(claims, "lineage_keys")
    # Each exchange has added one of each, and no more than one key.
    if not actors or len(actors) != len(token_ids) or len(key_ids) > len(actors):
        raise TokenInactive(TokenDefect.CLAIMS)
    if not all((*token_ids, *key_ids)):
        raise TokenInactive(TokenDefect.CLAIMS)
    return Delegation(actors, token_ids, key_ids)


def _actors(claims: Mapping[str, Any]) -> tuple[Actor, ...]:
    actors: list[Actor] = []
    while "act" in claims and len(actors) <= MAX_ACTORS:
        claims = claims["act"]
        if type(claims) is not dict or claims.keys() - {"act"} != _ACTOR_MEMBERS:
            raise TokenInactive(TokenDefect.CLAIMS)
        actors.append(_actor(claims))
    if len(actors) > MAX_ACTORS:
        raise TokenInactive(TokenDefect.CLAIMS)
    return tuple(actors)


def _actor(act: Mapping[str, Any]) -> Actor:
    subject, session_id, epoch = _text(act, "sub"), _text(act, "sid"), act["epoch"]
    is_named = subject.startswith(_SUBJECT_PREFIXES) and subject not in _SUBJECT_PREFIXES
    is_epoch = type(epoch) is int and 0 <= epoch < _INTEGER_END
    if not (is_named and session_id and is_epoch):
        raise TokenInactive(TokenDefect.CLAIMS)
    return Actor(subject, epoch, session_id)


def _certificate(claims: Mapping[str, Any]) -> bytes:
    """Read `cnf`; of all that it could ask for, only a certificate is understood here."""
    if "cnf" not in claims:
        return b""
    confirmation = claims["cnf"]
    if type(confirmation) is not dict or confirmation.keys() != {_THUMBPRINT}:
        raise TokenInactive(TokenDefect.CLAIMS)
    try:
        thumbprint = decode_base64url(_text(confirmation, _THUMBPRINT).encode("ascii"))
    except ValueError:
        raise TokenInactive(TokenDefect.CLAIMS) from None
    if len(thumbprint) != _SHA256_BYTES:
        raise TokenInactive(TokenDefect.CLAIMS)
    return thumbprint
