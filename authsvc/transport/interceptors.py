"""What happens around every call of the contract, in one interceptor for the sake of speed.

The order, from the outside in, and why:

1. trace, time and count, so that refused calls are seen too;
2. errors to statuses, so that whatever fails further in is told in one way;
3. metadata, because all that follows reads it;
4. the deadline, because a late answer is of no use;
5. the caller and the access rule, before the request is judged (AIP-211);
6. the request itself: did it parse, does it keep the rules of the contract;
7. the servicer.

A stream of responses is surrounded like any call while it begins; from then on it is in the hands
of `Streams`, which counts it when it ends. The deadline is for the beginning alone.

Of a stream of requests each message is surrounded like a call: whoever lost the right to make it
is not heard to the end. It has a thread of its own, but works under the gate only from a message's
coming until the next one is waited for; how long that may be is in `transport/requests.py`.
"""

import random
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc

from authsvc import telemetry
from authsvc.domain.calls import Call
from authsvc.domain.client_certificates import ClientCertificate
from authsvc.errors import (
    AccessDenied,
    AuthError,
    CallerUnauthenticated,
    DeadlineExceeded,
    RetryableError,
    StoreUnavailable,
)
from authsvc.metrics import Metrics
from authsvc.transport.access import AccessRule
from authsvc.transport.callers import Callers
from authsvc.transport.context import set_call
from authsvc.transport.gate import Gate
from authsvc.transport.metadata import read_metadata
from authsvc.transport.peer_certificates import client_certificate
from authsvc.transport.refusals import RefusedInAnswer
from authsvc.transport.requests import Cut, RequestStreams, time_heard
from authsvc.transport.status import cancelled_status, internal_status, status_of
from authsvc.transport.streams import Streams
from authsvc.transport.trace_context import Tracing
from authsvc.transport.validation import is_given_bytes, lenient, validate
from authsvc.transport.written import serialize

CORRELATION_ID = "x-correlation-id"
_CORRELATION_ID_FORM = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

_log = telemetry.get_logger("authsvc.transport")

Behaviour = Callable[..., Any]
_TimeLeft = Callable[[grpc.ServicerContext], Callable[[], timedelta]]
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
        streams: Streams,
        tracing: Tracing,
        deadline: timedelta,
        max_metadata_bytes: int,
        concurrency: int,
    ) -> None:
        self._rules = rules
        self._callers = callers
        self._metrics = metrics
        self._streams = streams
        self._tracing = tracing
        self._deadline = deadline.total_seconds()
        self._max_metadata_bytes = max_metadata_bytes
        # Calls are let in once their message is there: who sends none holds only a thread.
        self._gate = Gate(concurrency)
        self._request_streams = RequestStreams()
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
        name = method.rpartition("/")[2]
        deserialize = inner.request_deserializer
        if inner.unary_unary is not None and deserialize is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._tracing.around_call(method, self._answer_with(name, rule, inner.unary_unary)),
                request_deserializer=(
                    None if is_given_bytes(inner.unary_unary) else lenient(deserialize)
                ),
                response_serializer=serialize,
            )
        if inner.unary_stream is not None and deserialize is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._tracing.around_stream(
                    method, self._begin_with(name, rule, inner.unary_stream)
                ),
                request_deserializer=lenient(deserialize),
                response_serializer=None,  # a response is written once for all who are sent it
            )
        if inner.stream_unary is not None and deserialize is not None:
            return grpc.stream_unary_rpc_method_handler(
                self._tracing.around_call(method, self._take_with(name, rule, inner.stream_unary)),
                request_deserializer=lenient(deserialize),
                response_serializer=serialize,
            )
        message = f"{method} is of a kind that is not served"
        raise ValueError(message)

    def _answer_with(self, name: str, rule: AccessRule, behaviour: Behaviour) -> Behaviour:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            started = time.perf_counter()
            code = "OK"
            try:
                with self._gate:
                    self._admit(rule, request, context)
                    return behaviour(request, context)
            except RefusedInAnswer as refusal:
                code = _tell(name, refusal.error).code.name
                return refusal.answer
            except Exception as error:  # noqa: BLE001 - the last resort: nothing may reach the caller
                status = _tell(name, error)
                code = status.code.name
            finally:
                self._metrics.observe(name, code, time.perf_counter() - started)
            return _abort(context, status)

        return answer

    def _begin_with(self, name: str, rule: AccessRule, behaviour: Behaviour) -> Behaviour:
        def begin(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
            try:
                self._admit(rule, request, context)
            except Exception as error:  # noqa: BLE001 - as above
                status = _tell(name, error)
                self._metrics.count(name, status.code.name)
                _abort(context, status)
            stream = self._streams.open(
                name, context, send, check_caller=lambda: self._check_caller(rule, context)
            )
            try:
                behaviour(request, context, stream)
            except Exception as error:  # noqa: BLE001 - as above
                stream.end(_tell(name, error))

        begin.experimental_non_blocking = True  # type: ignore[attr-defined]  # read by grpcio
        return begin

    def _take_with(self, name: str, rule: AccessRule, behaviour: Behaviour) -> Behaviour:
        def take(messages: Iterator[Any], context: grpc.ServicerContext) -> Any:
            code = "OK"
            try:
                set_call(self._let_in(rule, None, context, time_heard))
                with (
                    self._request_streams.place(),
                    closing(self._admit_each(rule, messages, context)) as admitted,
                ):
                    return behaviour(admitted, context)
            except Cut:
                code, status = "CANCELLED", cancelled_status()
            except Exception as error:  # noqa: BLE001 - as above
                status = _tell(name, error)
                code = status.code.name
            finally:
                self._metrics.count(name, code)
            return _abort(context, status)

        return take

    def _admit_each(
        self, rule: AccessRule, messages: Iterator[Any], context: grpc.ServicerContext
    ) -> Generator[Any]:
        with closing(self._request_streams.read(messages)) as requests:
            for request in requests:
                with self._gate:  # until the next message is asked for
                    call = self._let_in(rule, None, context, time_heard)
                    validate(request)
                    set_call(call)
                    yield request

    def _admit(self, rule: AccessRule, request: Any, context: grpc.ServicerContext) -> None:
        call = self._let_in(rule, request, context, self._time_left)
        validate(request)
        set_call(call)

    def _let_in(
        self, rule: AccessRule, request: Any, context: grpc.ServicerContext, time_left: _TimeLeft
    ) -> Call:
        telemetry.correlation_id.set("")
        metadata = read_metadata(context, most_bytes=self._max_metadata_bytes)
        trace = self._tracing.current(metadata)
        telemetry.trace_id.set(trace.trace_id if trace else "")
        correlation_id = metadata.get(CORRELATION_ID)
        if correlation_id is None or not _CORRELATION_ID_FORM.fullmatch(correlation_id):
            # It only tells calls apart, so it needs no system call.
            correlation_id = trace.trace_id if trace else f"{random.getrandbits(64):016x}"
        telemetry.correlation_id.set(correlation_id)
        call, is_service = self._callers.identify(
            context.peer(),
            metadata,
            time_left=time_left(context),
            correlation_id=correlation_id,
            traceparent=str(trace) if trace else "",
            certificate=self._certificate(context),
            assertion=rule.assertion(request),
        )
        rule.admit(call, is_service=is_service)
        return call

    def _check_caller(self, rule: AccessRule, context: grpc.ServicerContext) -> None:
        """Let a caller pass that was admitted before, if it still would be."""
        metadata = read_metadata(context, most_bytes=self._max_metadata_bytes)
        call, is_service = self._callers.identify(
            context.peer(), metadata, time_left=timedelta, certificate=self._certificate(context)
        )
        rule.admit(call, is_service=is_service)

    def _certificate(self, context: grpc.ServicerContext) -> ClientCertificate | None:
        # Asked for only where there can be one: it takes a tenth of an empty call.
        if not self._callers.with_certificates:
            return None
        # The stubs take each property for one value; there may be several.
        return client_certificate(cast(Mapping[str, Iterable[bytes]], context.auth_context()))

    def _time_left(self, context: grpc.ServicerContext) -> Callable[[], timedelta]:
        remaining = context.time_remaining()
        seconds = self._deadline if remaining is None else min(remaining, self._deadline)
        if seconds <= 0:
            raise DeadlineExceeded
        ends = time.monotonic() + seconds
        return lambda: timedelta(seconds=ends - time.monotonic())


def _tell(method: str, error: Exception) -> grpc.Status:
    """Give the status that tells of an error; to be called while it is handled."""
    if isinstance(error, AuthError):
        _note_failure(method, error)
        return status_of(error)
    _log.exception("call failed", method=method)
    return internal_status(telemetry.correlation_id.get())


def _note_failure(method: str, error: AuthError) -> None:
    """Log what an operator must look at; refusals are counted, and events are the domain's."""
    if isinstance(error, StoreUnavailable):
        _log.error("store unavailable", method=method, detail=str(error))
    elif isinstance(error, AccessDenied | CallerUnauthenticated):  # ASVS 16.3.2
        detail = str(error)
        _log.warning("access refused", method=method, error=type(error).__name__, detail=detail)
    elif isinstance(error, RetryableError | DeadlineExceeded):
        _log.warning("call shed", method=method, error=type(error).__name__)


def _abort(context: grpc.ServicerContext, status: grpc.Status) -> NoReturn:
    context.abort_with_status(status)
    raise AssertionError  # abort_with_status has raised
