"""The kinds of value in a configuration, as an operator writes them."""

import base64
import binascii
import os
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from authsvc.addresses import parse_address

MASTER_KEY_BYTES = 32

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}


def parse_duration(value: object) -> object:
    """Read `250ms`, `45s`, `10m`, `12h`, `30d`, or a number of seconds.

    Raises:
        ValueError: The text is none of these.

    """
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        message = "is not a duration; write for instance 45s, 10m, 12h or 30d"
        raise ValueError(message)
    try:
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        message = "is longer than any duration here"
        raise ValueError(message) from None


def usable_cpus() -> int:
    """Count the processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decode_master_key(text: str) -> bytes:
    """Read a master key: 32 bytes in base64 or hexadecimal digits.

    Raises:
        ValueError: It is neither, or not 32 bytes. The message doesn't hold the key.

    """
    text = text.strip()
    try:
        if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
            return bytes.fromhex(text)
        padded = text + "=" * (-len(text) % 4)
        key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        message = "is neither base64 nor hexadecimal"
        raise ValueError(message) from None
    if len(key) != MASTER_KEY_BYTES:
        message = f"holds {len(key)} bytes instead of {MASTER_KEY_BYTES}"
        raise ValueError(message)
    return key


def _words(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _address(value: object) -> object:
    if isinstance(value, str):
        parse_address(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Address = Annotated[str, BeforeValidator(_address)]
