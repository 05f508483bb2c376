"""The contract as buf reads it: descriptors with the comments of the protos."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from authn.v1 import access_pb2  # noqa: F401 - registers its option
from buf.validate import validate_pb2  # noqa: F401 - the same
from google.api import annotations_pb2  # noqa: F401 - the same
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from tools.reference import ROOT

_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6  # the numbers of these fields in a FileDescriptorProto
_FIELDS = _VALUES = _METHODS = 2  # and of their parts


@dataclass(frozen=True, slots=True)
class Contract:
    """All services, messages and enums of our own package, and what is said of them."""

    services: dict[str, ServiceDescriptorProto] = field(default_factory=dict)
    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    """By name: `LoginRequest`, `LoginRequest.password`, `AuthService.Login`."""

    @classmethod
    def read(cls) -> "Contract":
        """Read the protos."""
        command = ["buf", "build", "protos", "-o", "-#format=binpb"]
        built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S603 - a constant
        contract = cls()
        for file in FileDescriptorSet.FromString(built).file:
            if file.package.startswith("authn."):
                contract._add(file)
        return contract

    def _add(self, file: FileDescriptorProto) -> None:
        self.services.update({service.name: service for service in file.service})
        self.messages.update({message.name: message for message in file.message_type})
        self.enums.update({enum.name: enum for enum in file.enum_type})
        places = dict(_places(file))
        for location in file.source_code_info.location:
            name = places.get(tuple(location.path))
            if name is not None:
                text = "\n".join(line[1:] for line in location.leading_comments.splitlines())
                self.comments[name] = text.strip()


def _places(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Give the path of each part in the descriptor, and its name."""
    for kind, part, wholes in (
        (_MESSAGES, _FIELDS, [(m.name, m.field) for m in file.message_type]),
        (_ENUMS, _VALUES, [(e.name, e.value) for e in file.enum_type]),
        (_SERVICES, _METHODS, [(s.name, s.method) for s in file.service]),
    ):
        for index, (name, parts) in enumerate(wholes):
            yield (kind, index), name
            for at, each in enumerate(parts):
                yield (kind, index, part, at), f"{name}.{each.name}"
