"""The reference of the API: a page for each service, and one for the messages that they share."""

import re
from collections.abc import Iterator

from authn.v1.access_pb2 import AccessLevel, access
from google.api.annotations_pb2 import http
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)

from tools.reference.contract import Contract
from tools.reference.rules import rules_of

_LEVELS = {
    AccessLevel.ACCESS_LEVEL_PUBLIC: "any peer that may connect",
    AccessLevel.ACCESS_LEVEL_ACCOUNT: "the account of the access token, on itself",
    AccessLevel.ACCESS_LEVEL_SERVICE: "a calling service with the scope",
    AccessLevel.ACCESS_LEVEL_ADMIN: "a service or an account with the scope",
}
_SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
}
_INTRODUCTION = """\
# API

The package `authn.v1`, made from its protos: what each method does, who may call it, what it takes
and gives, and with which [errors](../errors.md). A field marked *secret* is never logged. Lines to
call each by hand are in the [cookbook](../cookbook.md).

| level | who may call |
|---|---|
"""
_HEAD = ["| field | type | rules | meaning |", "|---|---|---|---|"]
_OF_ITS_OWN = {"ErrorReason", "Access", "AccessLevel"}
"""What has a page elsewhere, or is no message of a call."""


def pages(contract: Contract) -> dict[str, str]:
    """Give the pages by their names."""
    made = {
        _dashed(name): _service(contract, service) for name, service in contract.services.items()
    }
    return {"index": _index(contract), **made, "messages": _messages(contract)}


def linked(contract: Contract, text: str) -> str:
    """Link the reasons of errors and the methods that a comment names."""
    reasons = {
        value.name.removeprefix("ERROR_REASON_") for value in contract.enums["ErrorReason"].value
    }

    def link(match: re.Match[str]) -> str:
        name = match[0]
        return f"[`{name}`](../errors.md#{name.lower()})" if name in reasons else name

    return re.sub(r"(?<![`.\w])[A-Z][A-Z_]+[A-Z](?![`\w])", link, text)


def _index(contract: Contract) -> str:
    levels = [f"| `{AccessLevel.Name(level)[13:]}` | {who} |" for level, who in _LEVELS.items()]
    lines = [
        *_INTRODUCTION.splitlines(),
        *levels,
        "",
        "Outside dev mode every call needs an authenticated [calling service](../services.md) as",
        "well. A scope behind `ACCOUNT` lets its holder act on any account.",
        "",
        "| service | methods |",
        "|---|---|",
    ]
    for name, service in contract.services.items():
        page = f"{_dashed(name)}.md"
        methods = ", ".join(f"[{m.name}]({page}#{m.name.lower()})" for m in service.method)
        lines.append(f"| [{name}]({page}) | {methods} |")
    return "\n".join(lines) + "\n"


def _service(contract: Contract, service: ServiceDescriptorProto) -> str:
    lines = [
        f"# {service.name}",
        "",
        linked(contract, contract.comments[service.name]),
        "",
    ]
    lines += ["| method | level | scope |", "|---|---|---|"]
    for method in service.method:
        option = method.options.Extensions[access]
        level = AccessLevel.Name(option.level).removeprefix("ACCESS_LEVEL_")
        scope = f"`{option.scope}`" if option.scope else ""
        lines.append(f"| [{method.name}](#{method.name.lower()}) | `{level}` | {scope} |")
    for method in service.method:
        lines += _method(contract, service, method)
    return "\n".join(lines) + "\n"


def _method(
    contract: Contract, service: ServiceDescriptorProto, method: MethodDescriptorProto
) -> Iterator[str]:
    option = method.options.Extensions[access]
    level = AccessLevel.Name(option.level).removeprefix("ACCESS_LEVEL_")
    said = [f"`{level}`: {_LEVELS[option.level]}" + (f" `{option.scope}`" if option.scope else "")]
    if option.level == AccessLevel.ACCESS_LEVEL_ACCOUNT:
        other = f"; on others with `{option.scope}`" if option.scope else ""
        said = [f"`{level}`: {_LEVELS[option.level]}{other}"]
    if method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS:
        said.append("changes nothing")
    elif method.options.idempotency_level == MethodOptions.IDEMPOTENT:
        said.append("idempotent")
    yield from ("", f"## {method.name}", "", linked(contract, _comment(contract, service, method)))
    yield from ("", f"**Who** {' · '.join(said)}")
    yield from _in_json(method)
    for heading, name, streams in (
        ("Takes", method.input_type, method.client_streaming),
        ("Gives", method.output_type, method.server_streaming),
    ):
        message = contract.messages[name.rpartition(".")[2]]
        stream = " a stream of" if streams else ""
        yield from (
            "",
            f"**{heading}**{stream} `{message.name}`"
            + ("" if message.field else ", which is empty."),
            "",
        )
        yield from _fields(contract, message, page="messages.md")


def _in_json(method: MethodDescriptorProto) -> Iterator[str]:
    """Say how the method is called as JSON, through a gateway that reads `google.api.http`."""
    rule = method.options.Extensions[http]
    verb = rule.WhichOneof("pattern")
    if verb is not None:
        yield from ("", f"**JSON** `{verb.upper()} {getattr(rule, verb)}`")


def _comment(
    contract: Contract, service: ServiceDescriptorProto, method: MethodDescriptorProto
) -> str:
    return contract.comments[f"{service.name}.{method.name}"]


def _fields(contract: Contract, message: DescriptorProto, *, page: str) -> Iterator[str]:
    if not message.field:
        return
    yield from _HEAD
    for each in message.field:
        name = f"`{each.name}`"
        if each.options.debug_redact:
            name += " *secret*"
        rules = rules_of(each)
        if each.HasField("oneof_index") and not each.proto3_optional:
            others = message.oneof_decl[each.oneof_index].name
            rules = f"one of `{others}`" + (f", {rules}" if rules else "")
        meaning = linked(contract, contract.comments[f"{message.name}.{each.name}"])
        cells = (name, _type(contract, each, page), rules, meaning)
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(contract: Contract, each: FieldDescriptorProto, page: str) -> str:
    name = each.type_name.rpartition(".")[2]
    if name in _OF_ITS_OWN:
        shown = f"[{name}](../errors.md)"
    elif name in contract.messages or name in contract.enums:
        shown = f"[{name}]({page}#{name.lower()})"
    else:
        shown = _SCALARS.get(each.type) or name
    return f"{shown}, repeated" if each.label == FieldDescriptorProto.LABEL_REPEATED else shown


def _messages(contract: Contract) -> str:
    of_methods = {
        name.rpartition(".")[2]
        for service in contract.services.values()
        for method in service.method
        for name in (method.input_type, method.output_type)
    }
    lines = ["# Messages and enums", "", "What several methods take or give."]
    for name, message in sorted(contract.messages.items()):
        if name not in of_methods | _OF_ITS_OWN:
            lines += ["", f"## {name}", "", linked(contract, contract.comments[name]), ""]
            lines += _fields(contract, message, page="")
    for name, enum in sorted(contract.enums.items()):
        if name in _OF_ITS_OWN:
            continue
        lines += ["", f"## {name}", "", linked(contract, contract.comments[name]), ""]
        lines += ["| value | number | meaning |", "|---|---|---|"]
        for value in enum.value:
            meaning = _cell(contract.comments[f"{name}.{value.name}"])
            lines.append(f"| `{value.name}` | {value.number} | {meaning} |")
    return "\n".join(lines) + "\n"


def _dashed(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
