"""The life of a session, played against a running authsvc.

From the first login to the moment in which a token is refused although it has minutes to live.
"""

import secrets
import sys
import time
from datetime import timedelta

import grpc
import settings
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenClaims, TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from retry import TRY_SECONDS, reason, retrying

from authsvc.client import Verifier
from authsvc.errors import AuthError, TokenInactive

PATIENCE = 60.0
SCOPES = ("orders.read",)


class Story:
    """Plays it."""

    def __init__(self, channel: grpc.Channel, local: Verifier) -> None:
        self._auth = AuthServiceStub(channel)
        self._tokens = TokenServiceStub(channel)
        self._sessions = SessionServiceStub(channel)
        self._local = local

    def tell(self) -> None:
        """Play it from the beginning to the end."""
        session = self._refresh(self._login())
        self._verify(session)
        self._revoke(session)
        print("All as promised.")

    def _login(self) -> TokenSet:
        """Make an account and log it in."""
        username, password = "", secrets.token_urlsafe(18)

        def register():
            nonlocal username
            # Another one in each try: the last may have been heard.
            username = f"story-{secrets.token_hex(6)}"
            return RegisterRequest(username=username, password=password)

        registered = _call(self._auth.Register, register)
        _tell("registered", registered.account.account_id)
        request = LoginRequest(identifier=username, password=password, scopes=SCOPES)
        answer = _call(self._auth.Login, lambda: request)
        _expect(answer.HasField("tokens"), "the login gave no tokens")
        _tell("logged in", f"session {answer.tokens.session_id}")
        return answer.tokens

    def _refresh(self, session: TokenSet) -> TokenSet:
        """Exchange a refresh token twice, as after a lost answer."""
        request = RefreshRequest(refresh_token=session.refresh_token)
        first, second = (_call(self._auth.Refresh, lambda: request).tokens for _ in range(2))
        _expect(first.refresh_token == second.refresh_token, "a refresh token had two successors")
        _tell("refreshed", "twice, with one successor")
        return second

    def _verify(self, session: TokenSet) -> None:
        _tell("by call", f"active, {self._ask(session).subject}")
        self._local.wait_until_ready(timedelta(seconds=PATIENCE))
        claims = self._local.verify(session.access_token, required_scopes=SCOPES)
        _tell("locally", f"active, {claims.subject}")

    def _ask(self, session: TokenSet, revision: int = 0) -> TokenClaims:
        request = VerifyTokenRequest(
            access_token=session.access_token, required_scopes=SCOPES, min_revision=revision
        )
        return _call(self._tokens.VerifyToken, lambda: request).claims

    def _revoke(self, session: TokenSet) -> None:
        """End the session and see its token refused, by the server at once and here in a moment."""
        request = RevokeSessionRequest(session_id=session.session_id)
        bearer = ("authorization", f"Bearer {session.access_token}")
        revision = _call(self._sessions.RevokeSession, lambda: request, bearer).revision
        answered = time.monotonic()
        _tell("revoked", f"at revision {revision}")
        while not self._is_refused(session):
            _expect(time.monotonic() - answered < PATIENCE, "the token is still active here")
            time.sleep(0.001)
        _tell("locally", f"refused, {(time.monotonic() - answered) * 1000:.0f} ms later")
        try:
            self._ask(session, revision)
        except grpc.RpcError as error:
            _expect(reason(error) == "TOKEN_INACTIVE", "it was not refused, but failed")
            _tell("by call", "refused, TOKEN_INACTIVE")
        else:
            _expect(False, "the server has not refused it")

    def _is_refused(self, session: TokenSet) -> bool:
        try:
            self._local.verify(session.access_token)
        except TokenInactive:
            return True
        return False


def _call(method, request, *metadata):
    every = settings.metadata()
    return retrying(
        lambda: method(request(), timeout=TRY_SECONDS, metadata=(*every, *metadata)),
        patience=PATIENCE,
    )


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RuntimeError(otherwise)


def _tell(step: str, what: str) -> None:
    print(f"{step:<12}{what}")


def main() -> int:
    """Play it and say by the exit code whether all was as promised."""
    try:
        with settings.channel() as channel, settings.verifier(channel) as local:
            Story(channel, local).tell()
    except (grpc.RpcError, AuthError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
