"""The native transport: HTTP/2 outside the interpreter's lock, and a grpcio server behind it.

pygrpc-native answers unary calls. Streams, reflection and methods that do not exist go, over a
private unix socket, to a grpcio server with the same interceptors in the same process. It encrypts
nothing and bounds neither a message before it is read nor the age of a connection, so what stands
in front of it must (docs/decisions/0008-native-transport.md).
"""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import grpc

_LINGER_SECONDS = 0.2
"""For those who watch the health to be told, and to go elsewhere."""

_POLL_SECONDS = 0.001
_FLUSH_SECONDS = 0.02
"""For the last answers to leave: closing drops what is not sent yet."""

if TYPE_CHECKING:  # at run time the classes take no parameters
    Handler = grpc.RpcMethodHandler[Any, Any]


class _Streams(grpc.GenericRpcHandler):
    """Streaming methods, in the only form that pygrpc-native leaves to the server behind it."""

    def __init__(self, handlers: Mapping[str, "Handler"]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._handlers.get(handler_call_details.method)


def new_server(
    executor: Executor,
    *,
    interceptors: Sequence[grpc.ServerInterceptor],
    options: Sequence[tuple[str, int]],
) -> grpc.Server:
    """Make a server like `grpc.server`; it takes one port.

    Raises:
        ImportError: The extra `authsvc[native]` is not installed.

    """
    # Only here: who does not choose it need not have it.
    from pygrpc_native import Server  # noqa: PLC0415

    class NativeServer(Server):
        """Leaves response streams to grpcio, whose non-blocking ones hold no thread."""

        def add_registered_method_handlers(
            self, service_name: str, method_handlers: Mapping[str, "Handler"]
        ) -> None:
            unary, streams = {}, {}
            for name, handler in method_handlers.items():
                if handler.request_streaming or handler.response_streaming:
                    streams[f"/{service_name}/{name}"] = handler
                else:
                    unary[name] = handler
            super().add_registered_method_handlers(service_name, unary)
            if streams:
                self.add_generic_rpc_handlers((_Streams(streams),))

        def stop(self, grace: float | None) -> threading.Event:
            """Finish the calls that were begun, within the grace, and close.

            Its own way would refuse calls, on connections that it leaves open, for as long as a
            stream is open behind it.
            """
            done = threading.Event()

            def finish() -> None:
                ends = time.monotonic() + (grace or 0)
                time.sleep(min(_LINGER_SECONDS, grace or 0))
                self._stopping = True  # from here on it refuses
                while self._calls and time.monotonic() < ends:
                    time.sleep(_POLL_SECONDS)
                time.sleep(min(_FLUSH_SECONDS, grace or 0))
                super(NativeServer, self).stop(None).wait()
                done.set()

            threading.Thread(target=finish, name="drain", daemon=True).start()
            return done

    return NativeServer(executor, interceptors=interceptors, options=options)
