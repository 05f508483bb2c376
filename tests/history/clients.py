"""Clients that log in, refresh, check and revoke at random, each with a channel of its own."""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
from authn.v1.auth_service_pb2 import RefreshRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from authsvc.client import Verifier
from authsvc.errors import StaleRevocations, StoreUnavailable, TokenInactive
from tests.history.recording import UNKNOWN, History
from tests.service import PASSWORD

_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a connection each, so that every worker gets some
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]
_SECONDS = 8.0
_LIBRARIES = 2
MAX_STALENESS = timedelta(seconds=2)
"""After which a library says nothing any more."""
_KEPT = 12
"""How many sessions are in play: few, so that operations meet."""


@dataclass(slots=True, eq=False)
class _Session:
    """A session that the clients share."""

    session_id: str
    access_tokens: list[str]
    refresh_token: str


@dataclass(slots=True)
class World:
    """The sessions in play and the history so far."""

    address: str
    history: History = field(default_factory=History)
    sessions: list[_Session] = field(default_factory=list)
    all_revoked: list[_Session] = field(default_factory=list)
    """Those whose revocation was acknowledged."""
    stop: threading.Event = field(default_factory=threading.Event)

    def open(self, channel: grpc.Channel) -> None:
        """Open a session, and forget the oldest beyond the number that is kept."""
        request = RegisterRequest(username=f"u{secrets.token_hex(8)}", password=PASSWORD)
        try:
            tokens = AuthServiceStub(channel).Register(request, timeout=_SECONDS).tokens
        except grpc.RpcError as error:
            _answer(error)
            return
        session = _Session(tokens.session_id, [tokens.access_token], tokens.refresh_token)
        self.sessions = [*self.sessions[-_KEPT + 1 :], session]

    def verify(self, channel: grpc.Channel) -> None:
        """Check a token of some session."""
        session = self._any()
        token = random.choice(session.access_tokens)
        self.history.record("verify", session.session_id, token, lambda: check(channel, token))

    def verify_locally(self, verifier: Verifier) -> None:
        """Check a token of some session by the library."""
        session = self._any()
        token = random.choice(session.access_tokens)
        # One library's answers are one line of time: each has tokens of its own in the history.
        name = f"{id(verifier)} {token}"
        self.history.record("local", session.session_id, name, lambda: _check(verifier, token))

    def refresh(self, channel: grpc.Channel) -> None:
        """Use a refresh token, as another client may be doing at the same time."""
        session = self._any()
        token = session.refresh_token
        answers: list[TokenSet] = []

        def ask() -> str:
            request = RefreshRequest(refresh_token=token)
            try:
                answer = AuthServiceStub(channel).Refresh(request, timeout=_SECONDS).tokens
            except grpc.RpcError as error:
                return _answer(error)
            answers.append(answer)
            return answer.refresh_token

        self.history.record("refresh", session.session_id, token, ask)
        for answer in answers:
            session.access_tokens.append(answer.access_token)
            session.refresh_token = answer.refresh_token

    def revoke(self, channel: grpc.Channel) -> None:
        """End a session for good."""
        session = self._any()

        def ask() -> str:
            request = RevokeSessionRequest(session_id=session.session_id)
            try:
                SessionServiceStub(channel).RevokeSession(request, timeout=_SECONDS)
            except grpc.RpcError as error:
                return _answer(error)
            return "ok"

        if self.history.record("revoke", session.session_id, "", ask) == "ok":
            self.all_revoked.append(session)

    def _any(self) -> _Session:
        return random.choice(self.sessions)


def check(channel: grpc.Channel, token: str) -> str:
    """Ask the service what a token is worth."""
    request = VerifyTokenRequest(access_token=token)
    try:
        TokenServiceStub(channel).VerifyToken(request, timeout=_SECONDS)
    except grpc.RpcError as error:
        return _answer(error)
    return "active"


def _check(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
    except TokenInactive:
        return "inactive"
    except (StaleRevocations, StoreUnavailable):
        return UNKNOWN
    return "active"


def _answer(error: grpc.RpcError) -> str:
    code = error.code()
    if code in _LOST:
        return UNKNOWN
    refused = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.NOT_FOUND)
    assert code in refused, error
    return "inactive" if code is grpc.StatusCode.UNAUTHENTICATED else "ok"


@contextmanager
def at_work(world: World) -> Iterator[None]:
    """Let clients work until the block is left; an unexpected answer is raised then."""
    with connect(world.address) as channel:
        while len(world.sessions) < _KEPT:
            world.open(channel)
    often = [world.verify] * 5 + [world.refresh] * 2
    seldom = [world.revoke] * 4 + [world.open] * 2
    with ThreadPoolExecutor(len(often) + len(seldom) + _LIBRARIES) as pool:
        libraries = [pool.submit(_check_locally, world) for _ in range(_LIBRARIES)]
        runs = [pool.submit(_go_on, world, act, pause=0.002) for act in often]
        runs += [pool.submit(_go_on, world, act, pause=0.2) for act in seldom]
        try:
            yield
        finally:
            world.stop.set()
        for run in (*runs, *libraries):
            run.result()


def _go_on(world: World, act: Callable[[grpc.Channel], None], *, pause: float) -> None:
    with connect(world.address) as channel:
        while not world.stop.is_set():
            act(channel)
            time.sleep(pause)


def _check_locally(world: World) -> None:
    with Verifier(
        world.address,
        issuer="https://authsvc.localhost",
        audience="authsvc",
        max_staleness=MAX_STALENESS,
    ) as verifier:
        while not world.stop.is_set():
            world.verify_locally(verifier)
            time.sleep(0.005)


def connect(address: str) -> grpc.Channel:
    """Open a channel that shares its connection with no other."""
    return grpc.insecure_channel(address, _OPTIONS)
