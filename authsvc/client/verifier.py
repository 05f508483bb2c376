"""Checks access tokens in the caller's own process, as promptly as if the server were asked."""

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from math import inf
from types import TracebackType
from typing import Self

import grpc
from authn.v1.token_pb2 import JsonWebKey
from authn.v1.token_service_pb2 import (
    GetJwksRequest,
    WatchKeysRequest,
    WatchRevocationsRequest,
)
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from authsvc.client.clock import since_boot
from authsvc.client.connection import connect, proof
from authsvc.client.feed import Feed
from authsvc.client.judging import Certificate, Judge, no_certificate
from authsvc.client.keys import Keys
from authsvc.client.observing import Observer
from authsvc.client.watch import Watch, Watchdog
from authsvc.errors import (
    AuthError,
    StaleRevocations,
    TokenDefect,
    TokenInactive,
)
from authsvc.verify.cache import TokenCache
from authsvc.verify.claims import Claims
from authsvc.verify.verifier import TokenVerifier

_REVOCATIONS_PATIENCE = 4.0  # a piece comes every second
_KEYS_PATIENCE = 15.0  # a response comes every 5 seconds
_ASK_SECONDS = 1.0


class Mode(Enum):
    """What to do when revocations have not been heard of for longer than `max_staleness`."""

    STRICT = "strict"
    """Refuse with `StaleRevocations`."""
    BEST_EFFORT = "best effort"
    """Go on with what is known, if anything ever was."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an active token says, and what that was judged by."""

    claims: Claims
    revision: int
    """All revocations up to this one were considered."""
    staleness: timedelta
    """For how long there may have been others."""
    is_stale: bool
    """True if that is more than `max_staleness`, which only best effort lets pass."""


class Verifier:
    """Knows keys and revocations as they come, and judges tokens by them; threads may share it.

    A process that forks MUST make its verifier after that.
    """

    def __init__(
        self,
        server: str | grpc.Channel,
        *,
        issuer: str,
        audience: str,
        credentials: grpc.ChannelCredentials | None = None,
        api_key: str | None = None,
        mode: Mode = Mode.STRICT,
        max_staleness: timedelta = timedelta(seconds=10),
        leeway: int = 5,
        max_lifetime: int = 900,
        capacity: int = 10_000,
        observer: Observer | None = None,
    ) -> None:
        """Begin to follow the server.

        Args:
            server: Its address, or a channel to it, which then stays the caller's.
            issuer: The only `iss` that is accepted.
            audience: The `aud` that tokens must have unless `verify` is told another.
            credentials: Of the channel; without them it is not encrypted.
            api_key: Of a service account with the scope `authsvc.revocations.watch`.
            mode: What to do past `max_staleness`.
            max_staleness: The longest time without news in which all counts as known.
            leeway: By how many seconds clocks may differ, 0 to 60.
            max_lifetime: The most that may lie between `iat` and `exp`, in seconds.
            capacity: How many tokens are remembered, whose signature is then not checked again.
            observer: Is told what happens.

        Raises:
            ValueError: A value is out of range.

        """
        if not audience or max_staleness <= timedelta(0):
            raise ValueError("audience not empty, max_staleness above 0")
        self._max_staleness = max_staleness
        tokens = TokenVerifier(issuer=issuer, max_lifetime=max_lifetime, leeway=leeway)
        self._observer = observer or Observer()
        channel = connect(server, credentials) if isinstance(server, str) else server
        self._own_channel = channel if isinstance(server, str) else None
        self._stub = TokenServiceStub(channel)
        self._metadata = proof(api_key)
        self._keys = Keys(ask=self._ask_for_keys, is_revoked=self._is_key_revoked)
        self._feed = Feed(leeway=leeway, keys_revoked=self._keys.drop_revoked)
        self._judge = Judge(
            tokens,
            TokenCache(tokens, capacity=capacity),
            keys=self._keys,
            feed=self._feed,
            audience=audience,
            max_staleness=max_staleness,
            goes_on_stale=mode is Mode.BEST_EFFORT,
        )
        self._watchdog = Watchdog(self._watch_revocations(), self._watch_keys())
        self._watchdog.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the streams and their threads. Idempotent. What was known then soon is stale."""
        self._watchdog.close()
        if self._own_channel is not None:
            self._own_channel.close()

    def wait_until_ready(self, timeout: timedelta) -> None:
        """Wait until keys and revocations are known.

        Raises:
            StaleRevocations: They were not within the time.

        """
        ends = time.monotonic() + timeout.total_seconds()
        for heard in (self._keys.heard, self._feed.heard):
            if not heard.wait(max(0.0, ends - time.monotonic())):
                raise StaleRevocations("the server has not told its keys and revocations yet")

    @property
    def staleness(self) -> timedelta:
        """How long ago all revocations were known; `timedelta.max` if they never were."""
        seconds = since_boot() - self._feed.heard_at
        return timedelta.max if seconds == inf else timedelta(seconds=seconds)

    @property
    def revision(self) -> int:
        """Up to which revision everything was applied."""
        return self._feed.revision

    def verify(
        self,
        token: str,
        audience: str | None = None,
        required_scopes: Collection[str] = (),
        *,
        max_age: timedelta | None = None,
        acr: str = "",
        certificate: Certificate = no_certificate,
    ) -> Claims:
        """Give the claims of an active token. No call is made unless it names an unknown key.

        Args:
            token: The access token.
            audience: Whom it must be for, if not the verifier's own.
            required_scopes: Scopes that it must all have.
            max_age: How long ago its subject may have proved who it is; None for any time.
            acr: The level that it must reach, `aal1` or `aal2`; empty for any.
            certificate: Gives the SHA-256 of the client certificate (DER) of the connection that
                the token came by, empty for none. Asked for a token that is bound to one, which
                is else inactive (RFC 8705, 3).

        Raises:
            TokenInactive: It is not active.
            InsufficientUserAuthentication: It is active and too old or too weak (RFC 9470).
            InsufficientScope: It lacks a scope.
            StaleRevocations: Too little is known to say so.
            StoreUnavailable: It names a key that is not known, and the server can't be asked.

        """
        judge = self._judge.judge
        try:
            try:
                claims = judge(token, audience, required_scopes, max_age, acr, certificate)
            except TokenInactive as error:
                if error.defect is not TokenDefect.UNKNOWN_KEY:
                    raise
                self._keys.ask_again()
                claims = judge(token, audience, required_scopes, max_age, acr, certificate)
        except AuthError as error:
            self._observer.refused(error)
            raise
        self._observer.verified()
        return claims

    async def verify_async(
        self,
        token: str,
        audience: str | None = None,
        required_scopes: Collection[str] = (),
        *,
        max_age: timedelta | None = None,
        acr: str = "",
        certificate: Certificate = no_certificate,
    ) -> Claims:
        """Do as `verify`; if the server must be asked for a key, the event loop goes on."""
        judge = self._judge.judge
        try:
            try:
                claims = judge(token, audience, required_scopes, max_age, acr, certificate)
            except TokenInactive as error:
                if error.defect is not TokenDefect.UNKNOWN_KEY:
                    raise
                await asyncio.to_thread(self._keys.ask_again)
                claims = judge(token, audience, required_scopes, max_age, acr, certificate)
        except AuthError as error:
            self._observer.refused(error)
            raise
        self._observer.verified()
        return claims

    def verdict(
        self, token: str, audience: str | None = None, required_scopes: Collection[str] = ()
    ) -> Verdict:
        """Do as `verify`, and tell what the claims were judged by."""
        # Both are read first: what the token is then judged by is as new, or newer.
        revision, staleness = self.revision, self.staleness
        claims = self.verify(token, audience, required_scopes)
        return Verdict(claims, revision, staleness, staleness > self._max_staleness)

    def _is_key_revoked(self, key_id: str) -> bool:
        return self._feed.index.is_key_revoked(key_id)

    def _watch_revocations(self) -> Watch:
        return Watch(
            "revocations",
            open_call=lambda: self._stub.WatchRevocations(
                WatchRevocationsRequest(after_revision=self._feed.begin()),
                metadata=self._metadata,
            ),
            take=self._feed.take,
            patience=_REVOCATIONS_PATIENCE,
            disconnected=self._observer.disconnected,
        )

    def _watch_keys(self) -> Watch:
        return Watch(
            "keys",
            open_call=lambda: self._stub.WatchKeys(WatchKeysRequest(), metadata=self._metadata),
            take=lambda response: self._keys.take(response.keys),
            patience=_KEYS_PATIENCE,
            disconnected=self._observer.disconnected,
        )

    def _ask_for_keys(self) -> Iterable[JsonWebKey]:
        answer = self._stub.GetJwks(GetJwksRequest(), timeout=_ASK_SECONDS, metadata=self._metadata)
        return answer.keys
