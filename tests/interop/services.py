"""A running example service, and what callers of it see."""

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.interop.languages import Language, started
from tests.servers.processes import free_port

_METHOD = "/orders.v1.OrderService/ListOrders"
_CALL_SECONDS = 5.0

OK, UNAUTHENTICATED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED
PERMISSION_DENIED, UNAVAILABLE = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE
HTTP = {OK: 200, UNAUTHENTICATED: 401, PERMISSION_DENIED: 403, UNAVAILABLE: 503}


@dataclass(frozen=True, slots=True)
class Orders:
    """A running example service."""

    process: "subprocess.Popen[str]"
    channel: grpc.Channel
    page: str
    """Its address over HTTP; empty if it has none."""

    def answer(self, token: str) -> grpc.StatusCode:
        """Call it with a token and give what it says; over HTTP it must say the same."""
        code = self.code(token)
        if self.page and self.status(token) != HTTP[code]:
            code = self.code(token)  # between the two something came to be known
            assert self.status(token) == HTTP[code]
        return code

    def code(self, token: str) -> grpc.StatusCode:
        """Call it by gRPC."""
        call = self.channel.unary_unary(_METHOD)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        try:
            call(b"", metadata=metadata, timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return OK

    def status(self, token: str) -> int:
        """Call it by HTTP."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.page, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@contextmanager
def orders(language: Language, example: Path, address: str, **variables: str) -> Iterator[Orders]:
    """Run the example service of a language, which trusts the authsvc at an address."""
    given = {
        "AUTHSVC_ADDRESS": address,
        "LISTEN": "127.0.0.1:0",
        "LISTEN_HTTP": "127.0.0.1:0",
        **variables,
    }
    with started(language.orders(example), example / "orders.log", **given) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"SERVING on (\S+)(?: and (\S+))?\n", line)
        assert found, line + (example / "orders.log").read_text(encoding="utf-8")
        assert bool(found[2]) is language.serves_http
        with grpc.insecure_channel(found[1]) as channel:
            yield Orders(process, channel, found[2] or "")


def free_address() -> str:
    """Give a loopback address that nothing listened on just now."""
    return f"127.0.0.1:{free_port()}"
