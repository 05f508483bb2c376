"""Server reflection, v1 and v1alpha, which differ in nothing but the name of the package."""

from collections.abc import Iterable, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from authsvc.transport.ext_authz.messages import POOL

_V1 = "grpc.reflection.v1.ServerReflection"


class _Pools:
    """The common pool of descriptors and, for what that lacks, the one of Envoy's messages."""

    def __init__(self) -> None:
        self._common = descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._common, name)

    def FindFileByName(self, name: str) -> Any:  # noqa: N802 - protobuf's name
        """Find a file."""
        try:
            return self._common.FindFileByName(name)
        except KeyError:
            return POOL.FindFileByName(name)

    def FindFileContainingSymbol(self, name: str) -> Any:  # noqa: N802 - protobuf's name
        """Find the file that declares a service, a message or another name."""
        try:
            return self._common.FindFileContainingSymbol(name)
        except KeyError:
            return POOL.FindFileContainingSymbol(name)


def add_to_server(server: grpc.Server, services: Iterable[str]) -> None:
    """Tell of these services, and of reflection itself."""
    _describe_v1()
    names: Sequence[str] = [*services, reflection.SERVICE_NAME, _V1]
    servicer = reflection.ReflectionServicer(names, pool=_Pools())
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    generic = grpc.method_handlers_generic_handler(_V1, {"ServerReflectionInfo": handler})
    server.add_generic_rpc_handlers((generic,))


def _describe_v1() -> None:
    """Have the descriptors of v1 too: who lists all methods asks for those of reflection itself."""
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    text = text_format.MessageToString(file).replace("v1alpha", "v1")
    v1 = text_format.Parse(text, FileDescriptorProto())
    descriptor_pool.Default().AddSerializedFile(v1.SerializeToString())
