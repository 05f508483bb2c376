"""The metadata of a call, of which grpc bounds neither size nor alphabet in time."""

import re
from collections.abc import Iterable
from typing import cast

import grpc

from authsvc.errors import FieldViolation, InvalidRequest

_PRINTABLE = re.compile(r"[ -~\t]*")
_RULE = "It must appear once and hold printable ASCII only."
_OVERHEAD = 32
"""Bytes that each entry counts beside its own (RFC 9113, 10.5.1)."""


def read_metadata(context: grpc.ServicerContext, *, most_bytes: int) -> dict[str, str]:
    """Read the metadata of a call, but for what is binary.

    Raises:
        InvalidRequest: It is too large, or an entry appears twice or is no printable ASCII.

    """
    metadata: dict[str, str] = {}
    size = 0
    entries = cast(Iterable[tuple[str, str | bytes]], context.invocation_metadata())
    for key, value in entries:
        size += len(key) + len(value) + _OVERHEAD
        if isinstance(value, bytes):  # of keys that end in -bin
            continue
        if key in metadata or not _PRINTABLE.fullmatch(value):
            raise InvalidRequest(FieldViolation(f"metadata {key[:64]}", _RULE))
        metadata[key] = value
    if size > most_bytes:
        raise InvalidRequest(FieldViolation("metadata", "It is too large."))
    return metadata
