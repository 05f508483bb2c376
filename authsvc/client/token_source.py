"""Access tokens for calling other services, always fresh."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import grpc
from authn.v1.auth_service_pb2 import RefreshRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.token_pb2 import TokenSet

from authsvc.client.connection import Metadata, proof
from authsvc.errors import InvalidGrant, StoreUnavailable

_ATTEMPT_SECONDS = 4.0
"""Twice this is within the 10 s in which the same refresh gives the same successor."""

_PAUSE_SECONDS = 1.0
"""Between a refresh that failed and the next, while the old token is good."""

_LOST = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
    }
)
"""After these nobody knows whether the refresh happened."""


class TokenSource:
    """Holds the tokens of one session and refreshes them in time; threads may share it."""

    def __init__(
        self,
        channel: grpc.Channel,
        *,
        login: Callable[[], TokenSet],
        margin: timedelta = timedelta(seconds=60),
        api_key: str | None = None,
    ) -> None:
        """Begin without tokens.

        Args:
            channel: To the server; it stays the caller's.
            login: Opens a session: called for the first token, and when a session has ended.
            margin: How long before its end a token is replaced; at most half of its life.
            api_key: Of the service that the refresh tokens are issued to.

        """
        self._stub = AuthServiceStub(channel)
        self._login = login
        self._margin = margin.total_seconds()
        self._metadata: Metadata = proof(api_key)
        self._tokens: TokenSet | None = None
        self._refresh_at = 0.0
        self._renewing = threading.Lock()

    def token(self) -> str:
        """Give an access token that is good for a while yet.

        Only one thread renews it; the others go on with the old one as long as that is good.

        Raises:
            StoreUnavailable: It has ended, and the server can't be reached for another.
            grpc.RpcError: The server refused for another reason.

        """
        held = self._tokens
        if held is not None and time.time() < self._refresh_at:
            return held.access_token
        usable = held is not None and time.time() < _end(held)
        if not self._renewing.acquire(blocking=not usable):
            assert held is not None  # noqa: S101 - it is usable
            return held.access_token
        try:
            return self._renewed(held)
        finally:
            self._renewing.release()

    def _renewed(self, seen: TokenSet | None) -> str:
        held = self._tokens
        if held is not None and held is not seen:  # another thread was first
            return held.access_token
        try:
            held = self._login() if held is None else self._refresh(held.refresh_token)
        except InvalidGrant:
            held = self._login()
        except StoreUnavailable:
            if held is None or time.time() >= _end(held):
                raise
            self._refresh_at = min(time.time() + _PAUSE_SECONDS, _end(held))
            return held.access_token
        self._tokens = held
        left = _end(held) - time.time()
        self._refresh_at = _end(held) - min(self._margin, left / 2)
        return held.access_token

    def _refresh(self, refresh_token: str) -> TokenSet:
        """Refresh, and once more if the answer was lost: that gives the same tokens again."""
        try:
            return self._refresh_once(refresh_token)
        except StoreUnavailable:
            return self._refresh_once(refresh_token)

    def _refresh_once(self, refresh_token: str) -> TokenSet:
        request = RefreshRequest(refresh_token=refresh_token)
        try:
            answer = self._stub.Refresh(request, timeout=_ATTEMPT_SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else None
            if code is grpc.StatusCode.UNAUTHENTICATED:
                raise InvalidGrant("the session has ended") from error
            if code in _LOST:
                raise StoreUnavailable("the answer to a refresh was lost") from error
            raise
        return answer.tokens


class TokenPlugin(grpc.AuthMetadataPlugin):
    """Gives every call of a channel an access token."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __call__(
        self,
        context: grpc.AuthMetadataContext,  # noqa: ARG002 - gRPC's signature
        callback: grpc.AuthMetadataPluginCallback,
    ) -> None:
        """Hand over the metadata of a call."""
        try:
            metadata = (("authorization", f"Bearer {self._source.token()}"),)
        except Exception as error:  # noqa: BLE001 - the call must end, whatever it was
            callback((), error)
            return
        callback(metadata, None)


def call_credentials(source: TokenSource) -> grpc.CallCredentials:
    """Make credentials of calls, to compose with those of an encrypted channel."""
    return grpc.metadata_call_credentials(TokenPlugin(source))


def _end(tokens: TokenSet) -> float:
    return tokens.access_token_expire_time.seconds
