"""A state of the contract by its descriptors alone, and clients and servers that know no other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from authn.v1 import event_service_pb2
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from authsvc.transport.server import SERVICES

_BASELINE = Path(__file__).parents[2] / "protos" / "baseline.binpb"
_PACKAGE = "authn.v1"

_LATER = b"\x82\xfa\x01\x05later" + b"\x88\xfa\x01\x2a" + b"\x91\xfa\x01" + bytes(8)
"""Fields 4000 (a text), 4001 (a number) and 4002 (fixed64), which no message has yet."""

Change = Callable[[Message], bytes]


class Contract:
    """The messages and methods of a state of the contract, apart from all others."""

    def __init__(self, files: Iterable[FileDescriptorProto]) -> None:
        pool = DescriptorPool()
        known = [pool.AddSerializedFile(file.SerializeToString()) for file in files]
        self.methods: Mapping[str, MethodDescriptor] = {
            f"/{service.full_name}/{method.name}": method
            for file in known
            if file.package == _PACKAGE
            for service in file.services_by_name.values()
            for method in service.methods
        }
        """By their paths."""
        self.reasons = frozenset(pool.FindEnumTypeByName(f"{_PACKAGE}.ErrorReason").values_by_name)

    def path_of(self, name: str) -> str:
        """Give the path of a method; no two have one name."""
        return next(path for path in self.methods if path.endswith(f"/{name}"))


def last_release() -> Contract:
    """The contract of the last release."""
    return Contract(FileDescriptorSet.FromString(_BASELINE.read_bytes()).file)


def present() -> Contract:
    """The contract as it is now."""
    files: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for needed in file.dependencies:
            add(needed)
        if file.name not in files:
            files[file.name] = FileDescriptorProto()
            file.CopyToProto(files[file.name])

    for service in SERVICES:
        add(service.file)
    add(event_service_pb2.DESCRIPTOR)
    return Contract(files.values())


class Client:
    """Calls by a state of the contract, and remembers what it has called."""

    def __init__(self, contract: Contract, channel: grpc.Channel) -> None:
        self.contract = contract
        self.called: set[str] = set()
        self._channel = channel

    def __call__(self, name: str, /, *, bearer: str = "", **fields: Any) -> Any:
        path = self.contract.path_of(name)
        self.called.add(path)
        method = self.contract.methods[path]
        call = self._channel.unary_unary(
            path,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        metadata = [("authorization", f"Bearer {bearer}")] if bearer else []
        return call(GetMessageClass(method.input_type)(**fields), metadata=metadata, timeout=20)


def known_alone(message: Message) -> bytes:
    """Write a message without what its state of the contract does not know."""
    message.DiscardUnknownFields()
    return message.SerializeToString()


def with_later_fields(message: Message) -> bytes:
    """Write a message as a later version could: with more fields, in every message within it."""
    _grow(message)
    return message.SerializeToString()


def _grow(message: Message) -> None:
    message.MergeFromString(_LATER)
    for field, value in message.ListFields():
        if (
            field.type == FieldDescriptor.TYPE_MESSAGE
            and not field.message_type.GetOptions().map_entry
        ):
            for each in value if field.is_repeated else [value]:
                _grow(each)


class _Between(grpc.GenericRpcHandler):
    """Passes calls on, and what they hold as far as a state of the contract goes."""

    def __init__(self, contract: Contract, change: Change, channel: grpc.Channel) -> None:
        self._contract = contract
        self._change = change
        self._channel = channel

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = self._contract.methods.get(details.method)
        if method is None:
            return None
        if method.server_streaming:
            call = self._channel.unary_stream(details.method)
            return grpc.unary_stream_rpc_method_handler(self._streaming(method, call))
        call = self._channel.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(self._answering(method, call))

    def _answering(self, method: MethodDescriptor, call: Any) -> Callable[..., bytes]:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                response = call(self._request(method, request), metadata=_told(context), timeout=20)
            except grpc.RpcError as error:
                _pass_on(error, context)
            return self._response(method, response)

        return answer

    def _streaming(self, method: MethodDescriptor, call: Any) -> Callable[..., Iterator[bytes]]:
        def stream(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            responses = call(self._request(method, request), metadata=_told(context))
            context.add_callback(responses.cancel)
            try:
                for response in responses:
                    yield self._response(method, response)
            except grpc.RpcError as error:
                _pass_on(error, context)

        return stream

    def _request(self, method: MethodDescriptor, data: bytes) -> bytes:
        return self._change(GetMessageClass(method.input_type).FromString(data))

    def _response(self, method: MethodDescriptor, data: bytes) -> bytes:
        return self._change(GetMessageClass(method.output_type).FromString(data))


def _told(context: grpc.ServicerContext) -> list[tuple[str, str | bytes]]:
    return [(key, value) for key, value in context.invocation_metadata() if key != "user-agent"]


def _pass_on(error: Any, context: grpc.ServicerContext) -> None:
    context.set_trailing_metadata(error.trailing_metadata() or ())
    context.abort(error.code(), error.details() or "")


@contextmanager
def standing_between(contract: Contract, change: Change, address: str) -> Iterator[grpc.Channel]:
    """Serve as a version of that contract would; give a channel to it."""
    with grpc.insecure_channel(address) as behind, ThreadPoolExecutor(16) as threads:
        server = grpc.server(threads, handlers=[_Between(contract, change, behind)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            server.stop(0).wait()
