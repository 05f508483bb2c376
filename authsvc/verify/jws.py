"""Strict parsing of compact JWS (RFC 7515): of all spellings of a token exactly one is accepted.

Everything here is read before any signature is checked, so the work is bounded: one pass over at
most 8 KiB, with nesting and numbers limited before they are converted (RFC 8725, 3.7 and 3.11).
"""

import binascii
import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from authsvc.errors import TokenDefect, TokenInactive

MAX_TOKEN_BYTES = 8192
"""The longest token that is looked at, in bytes."""

ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
"""RFC 9068, 2.1. Media types compare without case, but one spelling each is all we ever issue."""

_MEMBERS = frozenset({"alg", "typ", "kid"})
_MAX_DEPTH = 8
_MAX_NUMBER_LENGTH = 32

# What base64url does not have becomes what base64 does not have.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/***")
_PADDING = (b"", b"", b"==", b"=")
"""By the length of the text modulo 4."""
_LAST: tuple[frozenset[int] | None, ...] = (
    None,
    frozenset(),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)
"""Characters that a text may end in, by the same: those whose unused bits are 0 (RFC 4648, 3.5)."""

# A string, also one that never ends (so that each character is read once), or a bracket.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """The protected header, which has these three members and no others."""

    algorithm: str
    type: str
    key_id: str


class CompactJws(NamedTuple):
    """A token that is well-formed, and as yet neither authentic nor valid."""

    header: Header
    payload: dict[str, Any]
    signature: bytes
    signing_input: bytes


def parse(token: str, *, types: frozenset[str] = ACCESS_TOKEN_TYPES) -> CompactJws:
    """Take a token of one of these types apart.

    Raises:
        TokenInactive: MALFORMED, HEADER or TYPE, whichever comes first in `TokenDefect`.

    """
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise TokenInactive(TokenDefect.MALFORMED)
    signing_input, _, last = token.encode().rpartition(b".")
    first, _, middle = signing_input.partition(b".")  # another dot in the middle is no base64url
    if not last:  # an empty header or payload is no JSON
        raise TokenInactive(TokenDefect.MALFORMED)
    try:
        header = _read_header(first)
        payload = _decode_object(middle)
        signature = decode_base64url(last)
    except ValueError:
        raise TokenInactive(TokenDefect.MALFORMED) from None
    if header is None:
        raise TokenInactive(TokenDefect.HEADER)
    if header.type not in types:
        raise TokenInactive(TokenDefect.TYPE)
    return CompactJws(header, payload, signature, signing_input)


def decode_base64url(text: bytes) -> bytes:
    """Decode base64url without padding (RFC 7515, 2).

    Raises:
        ValueError: The text is not the one spelling of its bytes (RFC 4648, 3.5).

    """
    rest = len(text) % 4
    allowed = _LAST[rest]
    if allowed is not None and text[-1] not in allowed:
        _refuse("not canonical base64url")
    return binascii.a2b_base64(text.translate(_TO_BASE64) + _PADDING[rest], strict_mode=True)


# All tokens of a key share one header. Failures are not kept, and a flood of headers only costs
# each its own parsing.
@lru_cache(maxsize=64)
def _read_header(encoded: bytes) -> Header | None:
    """Read a header; None if it is an object whose members are not the allowed ones."""
    members = _decode_object(encoded)
    if members.keys() != _MEMBERS or not all(type(v) is str for v in members.values()):
        return None
    return Header(members["alg"], members["typ"], members["kid"])


def _decode_object(encoded: bytes) -> dict[str, Any]:
    text = decode_base64url(encoded).decode()
    # Only an opening can nest, so few openings need no closer look.
    if text.count("{") + text.count("[") > _MAX_DEPTH and _depth(text) > _MAX_DEPTH:
        _refuse("nested too deeply")
    value, end = _DECODER.raw_decode(text)
    if type(value) is not dict or end != len(text):
        _refuse("not an object and nothing else")
    if "\\" in text:
        # Escapes can spell lone surrogates, which are not text (RFC 8259, 8.2): this raises.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        found = match[0]
        if found in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found in "]}":
            depth -= 1
    return deepest


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(members)
    if len(result) != len(members):
        _refuse("duplicate name")
    return result


def _integer(digits: str) -> int:
    if len(digits) > _MAX_NUMBER_LENGTH:
        _refuse("number too long")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > _MAX_NUMBER_LENGTH:
        _refuse("number too long")
    value = float(digits)
    if math.isinf(value):
        _refuse("number too large")
    return value


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_number, parse_constant=_refuse
)
