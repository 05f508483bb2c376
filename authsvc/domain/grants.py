"""Grants: opening a session with its first tokens, and continuing it with the next."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from authsvc.domain.accounts import Account
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.devices import KnownDevices
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grant_policy import GrantPolicy
from authsvc.domain.identifiers import AccountId, SessionId, account_partition, new_session_id
from authsvc.domain.refresh_tokens import (
    NONCE_BYTES,
    RefreshToken,
    RefreshTokenCodec,
    hash_nonce,
)
from authsvc.domain.revocation import Revoker
from authsvc.domain.sessions import ClientInfo, RotationOutcome, Session, SessionStore
from authsvc.domain.tokens import TokenIssuer
from authsvc.errors import (
    InsufficientUserAuthentication,
    InvalidCredentials,
    InvalidGrant,
    TokenDefect,
    TokenInactive,
    TokenRequired,
)
from authsvc.verify.assurance import AAL2, acr_of, reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRequest:
    """What a login asks for."""

    audience: str = ""
    scopes: tuple[str, ...] = ()
    client: ClientInfo = field(default_factory=ClientInfo)
    acr: str = ""
    """The level that the session must reach at least; empty for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of a session."""

    access_token: str = field(repr=False)
    access_token_expire_time: datetime
    refresh_token: str = field(repr=False)
    refresh_token_expire_time: datetime
    session_id: SessionId


class Grants:
    """Opens sessions and continues them."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        codec: RefreshTokenCodec,
        issuer: TokenIssuer,
        revoker: Revoker,
        devices: KnownDevices,
        policy: GrantPolicy,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._codec = codec
        self._issuer = issuer
        self._revoker = revoker
        self._devices = devices
        self._policy = policy
        self._record = record
        self._clock = clock

    def check(self, call: Call, request: GrantRequest, *, roles: Sequence[str]) -> None:
        """Refuse early what `open` would refuse.

        Raises:
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.

        """
        call.check_audience(self._policy.audience(request.audience))
        self._policy.check_scopes(request.scopes, roles)

    def open(
        self,
        call: Call,
        account: Account,
        request: GrantRequest,
        *,
        amr: tuple[str, ...],
        auth_time: datetime | None = None,
        session_id: SessionId | None = None,
    ) -> Tokens:
        """Open a new session for an account that has proven itself, with all the factors it has.

        Whatever leads here: an account with a second factor gets no session without it (P-MFA-3).
        From now on the account knows the device.

        Args:
            call: Who asks.
            account: For whom.
            request: For what.
            amr: How the account has proven itself.
            auth_time: When it has; None for just now.
            session_id: What `new_session` has given; None for a fresh one.

        Raises:
            InsufficientUserAuthentication: The second factor or the wanted level is missing.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            InvalidCredentials: The account was closed or changed meanwhile.
            StoreUnavailable: Nothing was opened.

        """
        wanted = AAL2 if account.has_second_factor else request.acr
        if not reaches(acr_of(amr), wanted):
            raise InsufficientUserAuthentication(acr=wanted)
        self.check(call, request, roles=account.roles)
        self._devices.remember(account, request.client)
        nonce = secrets.token_bytes(NONCE_BYTES)
        now = self._clock()
        session = Session(
            session_id=session_id or self.new_session(account.account_id),
            account_id=account.account_id,
            epoch=account.epoch,
            client_id=call.client_id,
            audience=self._policy.audience(request.audience),
            scopes=request.scopes,
            roles=account.roles,
            amr=amr,
            client=request.client,
            nonce_hash=hash_nonce(nonce),
            generation=0,
            create_time=now,
            auth_time=auth_time or now,
            last_use_time=now,
            idle_lifetime=self._policy.idle_lifetime,
            absolute_expire_time=now + self._policy.absolute_lifetime,
        )
        ended = self._sessions.open(session, limit=self._policy.sessions_per_account, now=now)
        if ended is None:
            detail = "the account's epoch was raised during the login"
            raise InvalidCredentials(detail)
        self._end_oldest(call, account, ended)
        return self._issue(session, nonce, now)

    @staticmethod
    def new_session(account_id: AccountId) -> SessionId:
        """Name a session of an account before it is opened: a change's event says what it opens."""
        return new_session_id(account_partition(account_id))

    def renew(
        self,
        call: Call,
        account: Account,
        *,
        session_id: SessionId,
        methods: tuple[str, ...] = (),
        auth_time: datetime | None = None,
    ) -> Tokens:
        """Open a new session in the place of the one that made the call, which a change has ended.

        Args:
            call: The call; the new session is for the same.
            account: The account after the change.
            session_id: What the event of the change calls the new session.
            methods: How more was proven than at the login.
            auth_time: When everything was proven anew; None if that is still the login.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: The account was closed or changed meanwhile.
            StoreUnavailable: Nothing was opened.

        """
        claims = call.claims
        if claims is None:
            raise TokenRequired
        try:
            return self.open(
                call,
                account,
                GrantRequest(audience=claims.audience, scopes=claims.scopes),
                amr=tuple(dict.fromkeys((*claims.amr, *methods))),
                auth_time=auth_time or datetime.fromtimestamp(claims.authenticated_at, UTC),
                session_id=session_id,
            )
        except InvalidCredentials:
            raise TokenInactive(TokenDefect.EPOCH) from None

    def refresh(self, call: Call, refresh_token: str) -> Tokens:
        """Exchange a refresh token for its one successor and a new access token.

        Raises:
            InvalidGrant: It is not valid, for whatever cause.
            StoreUnavailable: Whether it was used is not known; the same call may be made again.

        """
        token = self._codec.decode(refresh_token)
        now = self._clock()
        rotation = self._sessions.rotate(
            token.session_id,
            generation=token.generation,
            nonce_hash=token.nonce_hash,
            client_id=call.client_id,
            now=now,
        )
        session = rotation.session
        if session is None:
            raise InvalidGrant(rotation.outcome.value)
        if rotation.outcome is RotationOutcome.REUSED:
            self._end_reused(call, session)
        if not call.serves(session.audience):
            detail = "the audience is no longer on the client's list"
            raise InvalidGrant(detail)
        self._record(
            call.event(
                EventType.SESSION_REFRESHED,
                subject=session.account_id,
                session_id=session.session_id,
                note="repeated" if rotation.outcome is RotationOutcome.REPEATED else "",
            )
        )
        return self._issue(session, token.nonce, now)

    def read(self, call: Call, refresh_token: str, *, any_client: bool = False) -> Session | None:
        """Give the open session of a refresh token of the calling client, or None.

        The token may be of any generation: this is for ending a session, not for continuing it.
        """
        try:
            token = self._codec.decode(refresh_token)
        except InvalidGrant:
            return None
        session = self._sessions.find(token.session_id, now=self._clock())
        if session is None or session.nonce_hash != token.nonce_hash:
            return None
        return session if any_client or session.client_id == call.client_id else None

    def is_current(self, refresh_token: str, session: Session) -> bool:
        """Say whether a token that `read` knew is the one that is valid now."""
        return self._codec.decode(refresh_token).generation == session.generation

    def _issue(self, session: Session, nonce: bytes, now: datetime) -> Tokens:
        access_token = self._issuer.issue(session, now=now)
        refresh_token = RefreshToken(
            session_id=session.session_id, generation=session.generation, nonce=nonce
        )
        return Tokens(
            access_token=access_token.text,
            access_token_expire_time=access_token.expire_time,
            refresh_token=self._codec.encode(refresh_token),
            refresh_token_expire_time=session.expire_time,
            session_id=session.session_id,
        )

    def _end_oldest(self, call: Call, account: Account, ended: Sequence[SessionId]) -> None:
        if not ended:
            return
        reason = "session limit"
        events = [
            call.event(
                EventType.SESSION_REVOKED,
                subject=account.account_id,
                session_id=session_id,
                note=reason,
            )
            for session_id in ended
        ]
        self._revoker.revoke_sessions(ended, reason=reason, events=events)

    def _end_reused(self, call: Call, session: Session) -> None:
        detail = "reused"
        event = call.event(
            EventType.REFRESH_TOKEN_REUSED,
            subject=session.account_id,
            session_id=session.session_id,
            failure=detail,
        )
        self._revoker.revoke_sessions(
            [session.session_id], reason="refresh token reused", events=[event]
        )
        raise InvalidGrant(detail)
