"""The rules of a field, as people say them."""

from collections.abc import Iterator

from buf.validate.validate_pb2 import Ignore, field
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

_SAID = {
    "min_len": "at least {} characters",
    "max_len": "at most {} characters",
    "max_bytes": "at most {} bytes",
    "min_items": "at least {} items",
    "max_items": "at most {} items",
    "pattern": "matches `{}`",
    "gte": "≥ {}",
    "gt": "> {}",
    "lte": "≤ {}",
    "lt": "< {}",
    "in": "one of {}",
    "not_in": "not {}",
}
_SAID_IF_TRUE = {
    "unique": "each once",
    "email": "an e-mail address",
    "ip": "an IP address",
    "defined_only": "a known value",
    "required": "required",
}


def rules_of(declared: FieldDescriptorProto) -> str:
    """Give the rules in words, with commas between."""
    rules = declared.options.Extensions[field]
    said = list(_said(rules))
    if rules.ignore == Ignore.IGNORE_IF_ZERO_VALUE and said:
        said.append("or empty")
    return ", ".join(said)


def _said(rules: Message) -> Iterator[str]:
    for name, value in _listed(rules):
        if name in _SAID_IF_TRUE and value is True:
            yield _SAID_IF_TRUE[name]
        elif name in _SAID:
            yield _SAID[name].format(_value(value))
        elif name == "cel":
            yield from (rule.message for rule in value)
        elif name == "items" and value.ignore != Ignore.IGNORE_ALWAYS:
            yield "each " + " and ".join(_said(value))
        elif isinstance(value, Message) and name != "items":
            yield from _said(value)


def _listed(rules: Message) -> Iterator[tuple[str, object]]:
    return ((part.name, value) for part, value in rules.ListFields() if part.name != "ignore")


def _value(value: object) -> str:
    if isinstance(value, Duration):
        return f"{value.seconds} s"
    if isinstance(value, Timestamp):
        return value.ToDatetime().strftime("%Y-%m-%d")
    if isinstance(value, str | int | float):
        return str(value)
    return " ".join(f"`{each}`" if each else "empty" for each in value)
