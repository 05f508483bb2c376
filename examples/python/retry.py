"""Calls again what a server could not answer just now."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

Answer = TypeVar("Answer")

TRY_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_TRANSIENT = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}


def retrying(call: Callable[[], Answer], *, patience: float) -> Answer:
    """Call until there is an answer; wait longer each time, and never less than RetryInfo asks for.

    A try that got no answer may have had its effect: call only what may be done twice.

    Args:
        call: Makes one try, with a deadline.
        patience: For how many seconds all tries may go on.

    Raises:
        grpc.RpcError: Another try would not mend it, or there is too little time left for one.

    """
    ends = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            wait = max(pause * random.uniform(0.5, 1), _asked(error))
            if error.code() not in _TRANSIENT or time.monotonic() + wait > ends:
                raise
        time.sleep(wait)
        pause = min(2 * pause, _LONGEST_PAUSE)


def reason(error: grpc.RpcError) -> str:
    """Say why a call failed, in the words of authn.v1.ErrorReason."""
    found = ErrorInfo()
    return found.reason if _detail(error, found) else ""


def _asked(error: grpc.RpcError) -> float:
    found = RetryInfo()
    return found.retry_delay.ToTimedelta().total_seconds() if _detail(error, found) else 0.0


def _detail(error: grpc.RpcError, into: ErrorInfo | RetryInfo) -> bool:
    status = rpc_status.from_call(error)
    return status is not None and any(detail.Unpack(into) for detail in status.details)
