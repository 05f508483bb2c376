"""Envoy's messages, in a pool of their own.

Protobuf takes each name once for each pool, and whoever has `xds-protos` beside authsvc has these
names in the common one (docs/decisions/0022-envoy.md). So there are no modules for them, only
their descriptors, and types are not known before run time.
"""

from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE = "envoy.service.auth.v3.Authorization"

POOL = DescriptorPool()
"""Holds Envoy's messages, as far as they are used, and what they are made of."""

for _file in FileDescriptorSet.FromString(
    files("authn").joinpath("ext_authz.binpb").read_bytes()
).file:
    POOL.Add(_file)


def _message(name: str) -> Any:
    return GetMessageClass(POOL.FindMessageTypeByName(f"envoy.{name}"))


CheckRequest = _message("service.auth.v3.CheckRequest")
CheckResponse = _message("service.auth.v3.CheckResponse")
DeniedHttpResponse = _message("service.auth.v3.DeniedHttpResponse")
OkHttpResponse = _message("service.auth.v3.OkHttpResponse")
_HeaderValueOption = _message("config.core.v3.HeaderValueOption")


def header(name: str, value: str) -> Any:
    """Give a header that takes the place of all others of its name."""
    overwrite = _HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return _HeaderValueOption(header={"key": name, "value": value}, append_action=overwrite)
