"""Holding messages against the rules of the contract."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import protovalidate
from google.protobuf.message import DecodeError, Message

from authsvc.errors import FieldViolation, InvalidRequest

MALFORMED = object()
"""Stands for a request that did not parse."""

_Message = TypeVar("_Message", bound=Message)
_Behaviour = TypeVar("_Behaviour", bound=Callable[..., Any])


def validate(request: Any) -> None:
    """Hold a request against the rules of the contract; bytes are left to who `parse`s them.

    Raises:
        InvalidRequest: It did not parse, or breaks rules; every field that does is named.

    """
    if type(request) is bytes:
        return
    if request is MALFORMED:
        raise InvalidRequest(FieldViolation("", "The request is not a valid protobuf message."))
    violations = find_violations(request)
    if violations:
        raise InvalidRequest(*violations)


def parse(kind: type[_Message], data: bytes) -> _Message:
    """Read a request and hold it against the rules of the contract.

    Raises:
        InvalidRequest: See `validate`.

    """
    request = lenient(kind.FromString)(data)
    validate(request)
    return cast(_Message, request)


def takes_bytes(behaviour: _Behaviour) -> _Behaviour:
    """Mark a servicer's method that is given its request as bytes, and has to `parse` them."""
    behaviour.takes_bytes = True  # type: ignore[attr-defined]  # read by `is_given_bytes`
    return behaviour


def is_given_bytes(behaviour: Callable[..., Any]) -> bool:
    """Say whether a servicer's method bears that mark."""
    return getattr(behaviour, "takes_bytes", False)


def lenient(deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Any]:
    """Let what does not parse reach `validate`, where grpc would answer INTERNAL."""

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return MALFORMED

    return read


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
