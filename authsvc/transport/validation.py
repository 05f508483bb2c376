"""Holding messages against the rules of the contract."""

from collections.abc import Sequence
from typing import Any

import protovalidate
from google.protobuf.message import Message

from authsvc.errors import FieldViolation, InvalidRequest

MALFORMED = object()
"""Stands for a request that did not parse."""


def validate(request: Any) -> None:
    """Hold a request against the rules of the contract.

    Raises:
        InvalidRequest: It did not parse, or breaks rules; every field that does is named.

    """
    if request is MALFORMED:
        raise InvalidRequest(FieldViolation("", "The request is not a valid protobuf message."))
    violations = find_violations(request)
    if violations:
        raise InvalidRequest(*violations)


def find_violations(message: Message) -> Sequence[FieldViolation]:
    """Give the rules that a message breaks, each with its field."""
    violations = protovalidate.collect_violations(message)
    return [_violation(violation) for violation in violations] if violations else ()


def _violation(violation: protovalidate.Violation) -> FieldViolation:
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += ("." if path else "") + element.field_name
        if element.subscript is not None and element.subscript.field == "index":
            path += f"[{element.subscript.value}]"
    return FieldViolation(path, violation.proto.message)
