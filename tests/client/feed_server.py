"""A real gRPC server on loopback that plays the streams of the contract from a script."""

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from authn.v1.revocation_pb2 import Revocation
from authn.v1.token_pb2 import JsonWebKey
from authn.v1.token_service_pb2 import (
    GetJwksResponse,
    WatchKeysResponse,
    WatchRevocationsResponse,
)
from authn.v1.token_service_pb2_grpc import (
    TokenServiceServicer,
    TokenServiceStub,
    add_TokenServiceServicer_to_server,
)
from google.protobuf.timestamp_pb2 import Timestamp

from tests.verify.minting import JWKS

__all__ = ["FeedServer", "TokenServiceStub", "piece", "revoked", "serving"]

_CUT = object()


def revoked(kind: int, subject: str, epoch: int = 0, **fields: Any) -> Revocation:
    """Write a revocation that matters for an hour."""
    given = {"forget_time": Timestamp(seconds=int(time.time()) + 3600), **fields}
    return Revocation(kind=kind, subject=subject, epoch=epoch, **given)


def piece(
    after: int,
    revision: int,
    *revocations: Revocation,
    reset: bool = False,
    current: bool = True,
    later: float = 0.0,
) -> WatchRevocationsResponse:
    """Write a piece of the feed, as a server does that lives so many seconds later."""
    return WatchRevocationsResponse(
        reset=reset,
        revocations=revocations,
        after_revision=after,
        revision=revision,
        is_current=current,
        server_time=Timestamp(seconds=int(time.time() + later)),
    )


class FeedServer(TokenServiceServicer):
    """Sends what it is told to, to whoever has called last."""

    def __init__(self) -> None:
        self.address = ""
        self.asked_after: list[int] = []
        self.api_keys: list[str] = []
        self.jwks = [JsonWebKey(**JWKS["EdDSA"])]
        self.jwks_calls = 0
        self.jwks_fail = False
        self._pieces: queue.Queue[Any] = queue.Queue()
        self._key_sets: queue.Queue[Any] = queue.Queue()
        self._calls = {"revocations": 0, "keys": 0}
        self._changing = threading.Lock()

    def send(self, *pieces: WatchRevocationsResponse) -> None:
        """Send pieces of the feed."""
        for one in pieces:
            self._pieces.put(one)

    def send_keys(self, *jwks: dict[str, str]) -> None:
        """Send a set of keys."""
        self._key_sets.put(WatchKeysResponse(keys=[JsonWebKey(**jwk) for jwk in jwks]))

    def cut(self) -> None:
        """Break the stream of revocations."""
        self._pieces.put(_CUT)

    def WatchRevocations(self, request, context):
        self.asked_after.append(request.after_revision)
        self.api_keys.extend(
            v for k, v in context.invocation_metadata() if k == "x-authsvc-api-key"
        )
        yield from self._play("revocations", self._pieces, context)

    def WatchKeys(self, request, context):
        yield from self._play("keys", self._key_sets, context)

    def GetJwks(self, request, context):
        with self._changing:
            self.jwks_calls += 1
        if self.jwks_fail:
            context.abort(grpc.StatusCode.UNAVAILABLE, "asleep")
        return GetJwksResponse(keys=self.jwks)

    def _play(self, name: str, script: "queue.Queue[Any]", context: Any) -> Iterator[Any]:
        with self._changing:
            self._calls[name] += 1
            mine = self._calls[name]
        while context.is_active() and self._calls[name] == mine:
            try:
                one = script.get(timeout=0.02)
            except queue.Empty:
                continue
            if one is _CUT:
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            yield one


@contextmanager
def serving() -> Iterator[FeedServer]:
    """Run a feed server."""
    feed = FeedServer()
    server = grpc.server(ThreadPoolExecutor(16))
    add_TokenServiceServicer_to_server(feed, server)
    feed.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield feed
    finally:
        server.stop(0).wait()
