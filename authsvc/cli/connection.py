"""The connection to a running server, and its refusals in a sentence for people."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from authsvc.cli.options import CLIENT_CERT, CLIENT_KEY, SERVER_CA, SERVER_NAME
from authsvc.cli.output import fail

_TIMEOUT_SECONDS = 15.0
_API_KEY_HEADER = "x-authsvc-api-key"
_ADVICE = {
    "CALLER_UNAUTHENTICATED": "Name a file with an API key in AUTHSVC_API_KEY_FILE; "
    "`authsvc services create-key` makes one.",
    "ACCESS_DENIED": "Use the API key of a service account that has the scope.",
    "TOO_MANY_ATTEMPTS": "Try again later.",
    "OVERLOADED": "Try again in a moment.",
    "STORE_UNAVAILABLE": "Look whether SQL and Redis run, then try again.",
    "INTERNAL": "The server's log says more.",
}


@contextmanager
def connected(server: str) -> Iterator[grpc.Channel]:
    """Give a channel that sends the operator's API key; a refused call ends the command.

    Raises:
        typer.Exit: A call failed; why has been printed.

    """
    with open_channel(server) as channel:
        try:
            yield grpc.intercept_channel(channel, _OperatorCalls(_api_key()))
        except grpc.RpcError as error:
            fail(explain(error, server))


def open_channel(server: str) -> grpc.Channel:
    """Open a channel with the CA and the certificate that the environment names, if it does.

    Raises:
        typer.Exit: They can't be used; why has been printed.

    """
    ca, certificate, key = (_read_file(name) for name in (SERVER_CA, CLIENT_CERT, CLIENT_KEY))
    if (certificate is None) != (key is None) or (certificate is not None and ca is None):
        fail(f"{CLIENT_CERT} and {CLIENT_KEY} go together, and with {SERVER_CA}.")
    if ca is None:
        return grpc.insecure_channel(server)
    name = os.environ.get(SERVER_NAME)
    options = [("grpc.ssl_target_name_override", name)] if name else []
    return grpc.secure_channel(server, grpc.ssl_channel_credentials(ca, key, certificate), options)


def _read_file(variable: str) -> bytes | None:
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        fail(f"{variable}: can't read {path}: {error.strerror}.")
    if b"-----BEGIN " not in text:
        fail(f"{variable}: {path} is not in PEM.")
    return text


def explain(error: grpc.RpcError, server: str) -> str:
    """Say in one line why a call failed and what to do."""
    # Every error that a call raises is a Call as well, which the stubs do not know.
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = ErrorInfo()
    wrong = BadRequest()
    for detail in status.details if status else ():
        if not detail.Unpack(info):
            detail.Unpack(wrong)
    if not info.reason and error.code() is grpc.StatusCode.UNAVAILABLE:
        return _unreachable(server, error.details() or "")
    reason = info.reason or error.code().name
    fields = "".join(f" {v.field}: {v.description}" for v in wrong.field_violations)
    return " ".join(f"{error.details()}{fields} ({reason}) {_ADVICE.get(reason, '')}".split())


def _unreachable(server: str, detail: str) -> str:
    if os.environ.get(SERVER_CA):
        return f"No TLS connection to {server}: {detail}"
    return (
        f"No server answers at {server}. Start one with `authsvc up`, name another with --server, "
        "or, if it speaks TLS, its CA with --cacert."
    )


def _api_key() -> str | None:
    path = os.environ.get("AUTHSVC_API_KEY_FILE")
    if path is None:
        return os.environ.get("AUTHSVC_API_KEY")
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        fail(f"AUTHSVC_API_KEY_FILE: can't read an API key from {path}.")


class _CallDetails(NamedTuple):
    method: str
    timeout: float | None
    metadata: list[tuple[str, str]]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _OperatorCalls(grpc.UnaryUnaryClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Gives every call the API key, and each but a stream a deadline."""

    def __init__(self, api_key: str | None) -> None:
        self._metadata = [(_API_KEY_HEADER, api_key)] if api_key else []

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        timeout = client_call_details.timeout or _TIMEOUT_SECONDS
        return continuation(self._details(client_call_details, timeout), request)

    def intercept_stream_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request_iterator: Any
    ) -> Any:
        details = self._details(client_call_details, client_call_details.timeout)
        return continuation(details, request_iterator)

    def _details(self, given: Any, timeout: float | None) -> _CallDetails:
        return _CallDetails(
            method=given.method,
            timeout=timeout,
            metadata=[*(given.metadata or ()), *self._metadata],
            credentials=given.credentials,
            wait_for_ready=given.wait_for_ready,
            compression=given.compression,
        )
