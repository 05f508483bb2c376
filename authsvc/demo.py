"""The demo: the life of a session, played against a running server and told as it happens."""

import secrets
import time
from collections.abc import Callable
from typing import TypeVar

import grpc
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_pb2 import Client
from authn.v1.session_service_pb2 import ListSessionsRequest, RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from rich.console import Console
from rich.text import Text

_Answer = TypeVar("_Answer")
_SHOWN, _TAIL = 12, 4
_LABEL_WIDTH = 10
_DEVICE = Client(user_agent="authsvc demo", device_id="demo")


class Misbehaviour(Exception):
    """The server answered, but not as it promises."""


def play(channel: grpc.Channel, *, server: str) -> None:
    """Play the whole story.

    Raises:
        Misbehaviour: A step did not do what it should.
        grpc.RpcError: A call was refused.

    """
    _Story(channel, Console(highlight=False)).tell(server)


class _Story:
    def __init__(self, channel: grpc.Channel, console: Console) -> None:
        self._auth = AuthServiceStub(channel)
        self._tokens = TokenServiceStub(channel)
        self._sessions = SessionServiceStub(channel)
        self._console = console
        self._username = f"demo-{secrets.token_hex(4)}"
        self._password = secrets.token_urlsafe(24)
        self._step = 0

    def tell(self, server: str) -> None:
        self._console.print(Text(f"\nThe life of a session, at {server}", style="bold"))
        self._register()
        tokens = self._login()
        self._verify(tokens)
        tokens = self._refresh(tokens)
        self._list(tokens)
        revision = self._revoke(tokens)
        self._see_refused(tokens, revision)
        self._console.print(Text("\nAll as promised.\n", style="bold green"))

    def _register(self) -> None:
        self._title("Register", "make an account; it is logged in at once")
        self._sent("username", self._username)
        self._sent("password", "•" * _SHOWN)
        request = RegisterRequest(username=self._username, password=self._password, client=_DEVICE)
        answer = self._timed(lambda: self._auth.Register(request))
        self._got("account", answer.account.account_id)
        self._expect(answer.account.username == self._username, "it made another account")

    def _login(self) -> TokenSet:
        self._title("Login", "the same person, on another device")
        self._sent("identifier", self._username)
        self._sent("password", "•" * _SHOWN)
        request = LoginRequest(identifier=self._username, password=self._password, client=_DEVICE)
        answer = self._timed(lambda: self._auth.Login(request))
        self._expect(answer.WhichOneof("outcome") == "tokens", "the login gave no tokens")
        self._got_tokens(answer.tokens)
        return answer.tokens

    def _verify(self, tokens: TokenSet) -> None:
        self._title("VerifyToken", "what a service asks when the person comes along")
        self._sent("token", _shortened(tokens.access_token))
        request = VerifyTokenRequest(access_token=tokens.access_token)
        answer = self._timed(lambda: self._tokens.VerifyToken(request))
        self._got("subject", answer.claims.subject)
        self._got("proved by", " ".join(answer.claims.amr))
        self._got("until", answer.claims.expire_time.ToJsonString())
        self._expect(answer.claims.session_id == tokens.session_id, "it is another session")

    def _refresh(self, tokens: TokenSet) -> TokenSet:
        self._title("Refresh", "new tokens for the old")
        self._sent("refresh", _shortened(tokens.refresh_token))
        request = RefreshRequest(refresh_token=tokens.refresh_token)
        first = self._timed(lambda: self._auth.Refresh(request)).tokens
        self._got_tokens(first)
        self._title("Refresh, once more", "as if the answer had been lost: no second successor")
        self._sent("refresh", _shortened(tokens.refresh_token))
        second = self._timed(lambda: self._auth.Refresh(request)).tokens
        self._got("refresh", f"{_shortened(second.refresh_token)} (the same)")
        self._expect(second.refresh_token == first.refresh_token, "a token had two successors")
        return second

    def _list(self, tokens: TokenSet) -> None:
        self._title("ListSessions", "where am I logged in?")
        sessions = self._timed(
            lambda: self._sessions.ListSessions(ListSessionsRequest(), metadata=_bearer(tokens))
        ).sessions
        for session in sessions:
            here = "  (this one)" if session.session_id == tokens.session_id else ""
            self._got("session", f"{session.session_id}{here}")
        self._expect(
            tokens.session_id in {session.session_id for session in sessions},
            "the session is not listed",
        )

    def _revoke(self, tokens: TokenSet) -> int:
        self._title("RevokeSession", "the device was stolen")
        self._sent("session", tokens.session_id)
        request = RevokeSessionRequest(session_id=tokens.session_id)
        answer = self._timed(
            lambda: self._sessions.RevokeSession(request, metadata=_bearer(tokens))
        )
        self._got("revision", str(answer.revision))
        return answer.revision

    def _see_refused(self, tokens: TokenSet, revision: int) -> None:
        self._title("VerifyToken", "its token has minutes to live, and is dead")
        self._sent("token", _shortened(tokens.access_token))
        request = VerifyTokenRequest(access_token=tokens.access_token, min_revision=revision)
        try:
            self._timed(lambda: self._tokens.VerifyToken(request))
        except grpc.RpcError as refusal:
            if refusal.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            self._got("refused", f"{refusal.code().name}: {refusal.details()}")
            return
        self._expect(False, "a revoked token was accepted")  # noqa: FBT003

    def _title(self, name: str, meaning: str) -> None:
        self._step += 1
        self._console.print(
            Text.assemble("\n", (f"{self._step}. {name}", "bold cyan"), ("  " + meaning, "italic"))
        )

    def _sent(self, label: str, value: str) -> None:
        self._line("→", label, value)

    def _got(self, label: str, value: str) -> None:
        self._line("←", label, value)

    def _got_tokens(self, tokens: TokenSet) -> None:
        self._got("access", _shortened(tokens.access_token))
        self._got("refresh", _shortened(tokens.refresh_token))
        self._got("session", tokens.session_id)

    def _line(self, arrow: str, label: str, value: str) -> None:
        label = f"   {arrow} {label:<{_LABEL_WIDTH}} "
        self._console.print(Text.assemble((label, "dim"), value), soft_wrap=True)

    def _timed(self, call: Callable[[], _Answer]) -> _Answer:
        start = time.perf_counter()
        try:
            return call()
        finally:
            milliseconds = (time.perf_counter() - start) * 1000
            self._line("·", "took", f"{milliseconds:.1f} ms")

    @staticmethod
    def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
        if not holds:
            raise Misbehaviour(otherwise)


def _bearer(tokens: TokenSet) -> tuple[tuple[str, str | bytes], ...]:
    return (("authorization", f"Bearer {tokens.access_token}"),)


def _shortened(secret: str) -> str:
    return f"{secret[:_SHOWN]}…{secret[-_TAIL:]} ({len(secret)} characters)"
