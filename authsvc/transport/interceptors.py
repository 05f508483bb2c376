"""What happens around every call of the contract, in one interceptor for the sake of speed.

The order, from the outside in, and why:

1. time and count, so that refused calls are seen too;
2. errors to statuses, so that whatever fails further in is told in one way;
3. metadata, because all that follows reads it;
4. the deadline, because a late answer is of no use;
5. the caller and the access rule, before the request is judged (AIP-211);
6. the request itself: did it parse, does it keep the rules of the contract;
7. the servicer.
"""

import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc
import protovalidate
from google.protobuf.message import DecodeError, Message

from authsvc import telemetry
from authsvc.errors import (
    AccessDenied,
    AuthError,
    CallerUnauthenticated,
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    RetryableError,
    StoreUnavailable,
)
from authsvc.metrics import Metrics
from authsvc.transport.access import AccessRule
from authsvc.transport.callers import Callers
from authsvc.transport.context import set_call
from authsvc.transport.status import internal_status, status_of

CORRELATION_ID = "x-correlation-id"
_CORRELATION_ID_FORM = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_PRINTABLE = re.compile(r"[ -~\t]*")
_MALFORMED = object()

_log = telemetry.get_logger("authsvc.transport")

Behaviour = Callable[[Any, grpc.ServicerContext], Any]
if TYPE_CHECKING:  # at run time the class takes no parameters
    Handler = grpc.RpcMethodHandler[Any, Any]


class CallInterceptor(grpc.ServerInterceptor):
    """Surrounds the methods of the contract; health and reflection pass untouched."""

    def __init__(
        self,
        *,
        rules: Mapping[str, AccessRule],
        callers: Callers,
        metrics: Metrics,
        deadline: timedelta,
        max_metadata_bytes: int,
    ) -> None:
        self._rules = rules
        self._callers = callers
        self._metrics = metrics
        self._deadline = deadline.total_seconds()
        self._max_metadata_bytes = max_metadata_bytes
        self._handlers: dict[str, Handler] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "Handler | None"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Give the surrounded handler of a method."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is not None:
            return handler
        inner = continuation(handler_call_details)
        rule = self._rules.get(method)
        if inner is None or rule is None:
            return inner
        handler = self._surround(method, rule, inner)
        self._handlers[method] = handler
        return handler

    def _surround(self, method: str, rule: AccessRule, inner: "Handler") -> "Handler":
        behaviour, deserialize = inner.unary_unary, inner.request_deserializer
        if behaviour is None or deserialize is None:
            message = f"{method} is not unary"
            raise ValueError(message)
        name = method.rpartition("/")[2]

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            started = time.perf_counter()
            code = "OK"
            try:
                return self._answer(rule, behaviour, request, context)
            except AuthError as error:
                status = status_of(error)
                code = status.code.name
                _note_failure(name, error)
            except Exception:  # noqa: BLE001 - the last resort: nothing may reach the caller
                status = internal_status(telemetry.correlation_id.get())
                code = "INTERNAL"
                _log.exception("call failed", method=name)
            finally:
                self._metrics.observe(name, code, time.perf_counter() - started)
            return _abort(context, status)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=_lenient(deserialize),
            response_serializer=inner.response_serializer,
        )

    def _answer(
        self, rule: AccessRule, behaviour: Behaviour, request: Any, context: grpc.ServicerContext
    ) -> Any:
        telemetry.correlation_id.set("")
        metadata = self._read_metadata(context)
        correlation_id = metadata.get(CORRELATION_ID, "")
        if not _CORRELATION_ID_FORM.fullmatch(correlation_id):
            # It only tells calls apart, so it needs no system call.
            correlation_id = f"{random.getrandbits(64):016x}"
        telemetry.correlation_id.set(correlation_id)
        time_left = self._time_left(context)
        call, is_service = self._callers.identify(context.peer(), metadata, time_left=time_left)
        rule.admit(call, is_service=is_service)
        validate(request)
        set_call(call)
        return behaviour(request, context)

    def _read_metadata(self, context: grpc.ServicerContext) -> dict[str, str]:
        """Read the metadata, of which grpc bounds neither size nor alphabet in time."""
        metadata: dict[str, str] = {}
        size = 0
        entries = cast(Iterable[tuple[str, str | bytes]], context.invocation_metadata())
        for key, value in entries:
            size += len(key) + len(value) + 32
            if isinstance(value, bytes):  # of keys that end in -bin
                continue
            if key in metadata or not _PRINTABLE.fullmatch(value):
                raise InvalidRequest(FieldViolation(f"metadata {key[:64]}", _METADATA_RULE))
            metadata[key] = value
        if size > self._max_metadata_bytes:
            raise InvalidRequest(FieldViolation("metadata", "It is too large."))
        return metadata

    def _time_left(self, context: grpc.ServicerContext) -> Callable[[], timedelta]:
        remaining = context.time_remaining()
        seconds = self._deadline if remaining is None else min(remaining, self._deadline)
        if seconds <= 0:
            raise DeadlineExceeded
        ends = time.monotonic() + seconds
        return lambda: timedelta(seconds=ends - time.monotonic())


_METADATA_RULE = "It must appear once and hold printable ASCII only."


def validate(request: Any) -> None:
    """Hold a request against the rules of the contract.

    Raises:
        InvalidRequest: It did not parse, or breaks rules; every field that does is named.

    """
    if request is _MALFORMED:
        raise InvalidRequest(FieldViolation("", "The request is not a valid protobuf message."))
    violations = protovalidate.collect_violations(request)
    if violations:
        raise InvalidRequest(*map(_violation, violations))


def _violation(violation: protovalidate.Violation) -> FieldViolation:
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += ("." if path else "") + element.field_name
        if element.subscript is not None and element.subscript.field == "index":
            path += f"[{element.subscript.value}]"
    return FieldViolation(path, violation.proto.message)


def _lenient(deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Any]:
    """Let what does not parse reach the interceptor, where grpc would answer INTERNAL."""

    def lenient(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _MALFORMED

    return lenient


def _note_failure(method: str, error: AuthError) -> None:
    """Log what an operator must look at; refusals are counted, and events are the domain's."""
    if isinstance(error, StoreUnavailable):
        _log.error("store unavailable", method=method, detail=str(error))
    elif isinstance(error, AccessDenied | CallerUnauthenticated):  # ASVS 16.3.2
        _log.warning("access refused", method=method, error=type(error).__name__)
    elif isinstance(error, RetryableError | DeadlineExceeded):
        _log.warning("call shed", method=method, error=type(error).__name__)


def _abort(context: grpc.ServicerContext, status: grpc.Status) -> NoReturn:
    context.abort_with_status(status)
    raise AssertionError  # abort_with_status has raised
