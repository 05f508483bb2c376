"""The last line of defence against secrets in the log (ASVS 16.2.5).

Nobody logs a secret on purpose. Should it happen, what looks like one is taken out.
"""

import re
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:password|passphrase|token|tokens|secret|authorization|api[_-]?key)$"
    r"|^(?:code|(?:totp|recovery|reset|verification)_code)$",
    re.IGNORECASE,
)
_JWT = r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,4}"
_OPAQUE = r"as[rkc]_[A-Za-z0-9_-]{8,}"
_BEARER = r"(?<=[Bb]earer )[!#-\[\]-~]+"
_URL_PASSWORD = r"(?<=://)[^\s/@\"]*:[^\s/@\"]+(?=@)"  # noqa: S105 - a pattern, not a password
_SECRET = re.compile(f"{_JWT}|{_OPAQUE}|{_BEARER}|{_URL_PASSWORD}")
# Every match of the pattern has one of these in or before it; looking for them is far cheaper.
_HINTS = ("eyJ", "asr_", "ask_", "asc_", "earer ", "://")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Say whether values of this name are not for the log."""
    return _SECRET_NAME.search(name) is not None


def redact_text(text: str) -> str:
    """Give the text without what looks like a JWT, a token, an API key or a URL's password."""
    for hint in _HINTS:
        if hint in text:
            return _SECRET.sub(REDACTED, text)
    return text


def redact_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Take out, in place, the values of secret names, at any depth."""
    for name, value in fields.items():
        if is_secret_name(name):
            fields[name] = REDACTED
        elif isinstance(value, dict):
            fields[name] = redact_fields(dict(value))
        elif isinstance(value, list | tuple):
            fields[name] = [_redact_item(item) for item in value]
    return fields


def _redact_item(item: object) -> object:
    return redact_fields(dict(item)) if isinstance(item, dict) else item
