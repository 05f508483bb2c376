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
_PEPPER_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
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


def decode_peppers(text: str) -> dict[str, bytes]:
    """Read peppers: `ID:KEY`, with spaces, commas or lines between; a key is as the master key is.

    Raises:
        ValueError: There is none, or one is not of this form, or two share an id. The message
            doesn't hold a key.

    """
    peppers: dict[str, bytes] = {}
    for entry in text.replace(",", " ").split():
        pepper_id, _, key = entry.partition(":")
        if not _PEPPER_ID.fullmatch(pepper_id):
            message = "has an entry without an id; write ID:KEY, the id in a-z, 0-9, - and _"
            raise ValueError(message)
        if pepper_id in peppers:
            message = f"has two entries with the id {pepper_id}"
            raise ValueError(message)
        try:
            peppers[pepper_id] = decode_master_key(key)
        except ValueError as error:
            message = f"has a key, {pepper_id}, that {error}"
            raise ValueError(message) from None
    if not peppers:
        message = "is empty"
        raise ValueError(message)
    return peppers


def _words(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _address(value: object) -> object:
    if isinstance(value, str):
        parse_address(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Address = Annotated[str, BeforeValidator(_address)]
