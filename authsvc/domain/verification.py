"""What callers may learn of a token beyond its check, and how they end one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from authsvc.domain.calls import Call
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import Grants
from authsvc.domain.identifiers import TokenId
from authsvc.domain.keys import Keys
from authsvc.domain.refresh_tokens import PREFIX
from authsvc.domain.revocation import Revoker
from authsvc.domain.session_directory import WRITE
from authsvc.domain.sessions import Session
from authsvc.domain.token_checking import TokenChecker
from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims


@dataclass(frozen=True, slots=True)
class Introspection:
    """What introspection tells (RFC 7662): claims, or the session of a refresh token."""

    claims: Claims | None
    session: Session | None
    revision: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a token is refused; `claims` only if its signature is good."""

    defect: TokenDefect | None
    claims: Claims | None


class Verification:
    """Introspects, explains and ends tokens."""

    def __init__(
        self,
        *,
        checker: TokenChecker,
        keys: Keys,
        revoker: Revoker,
        grants: Grants,
        record: EventSink,
    ) -> None:
        self._checker = checker
        self._keys = keys
        self._revoker = revoker
        self._grants = grants
        self._record = record

    def introspect(self, call: Call, token: str, *, min_revision: int = 0) -> Introspection:
        """Say what an access or refresh token is worth; an inactive one is no error.

        Raises:
            RevisionNotReached: `min_revision` lies in the future.
            StoreUnavailable: It may be either.

        """
        if token.startswith(PREFIX):
            session = self._grants.read(call, token, any_client=True)
            if session is not None and not self._grants.is_current(token, session):
                session = None
            return Introspection(None, session, self._reach(min_revision))
        try:
            claims = self._checker.decode(token)
            verdict = self._checker.verify(
                token, audience=claims.audience, min_revision=min_revision
            )
        except TokenInactive:
            return Introspection(None, None, self._reach(min_revision))
        return Introspection(verdict.claims, None, verdict.revision)

    def explain(self, access_token: str, *, audience: str = "") -> Explanation:
        """Say why an access token is refused, or that it is not.

        Raises:
            StoreUnavailable: It may be either.

        """
        try:
            claims = self._checker.decode(access_token)
        except TokenInactive as refusal:
            return Explanation(refusal.defect, None)
        try:
            self._checker.verify(access_token, audience=audience)
        except TokenInactive as refusal:
            return Explanation(refusal.defect, claims)
        return Explanation(None, claims)

    def revoke(self, call: Call, token: str) -> int:
        """End an access token, or the session of a refresh token (RFC 7009).

        Another client's token, an expired one and garbage alike have no effect and no error.

        Returns:
            The revision at which the token is dead.

        Raises:
            StoreUnavailable: Assume that it is still valid.

        """
        if token.startswith(PREFIX):
            return self.end_session(call, token)
        try:
            # What is acknowledged must be so: it always looks. It asks SQL in any case.
            claims = self._checker.decode(token, look=self._keys.reload)
        except TokenInactive:
            return self._revoker.head()
        if claims.client_id != call.client_id and not call.holds(WRITE):
            return self._revoker.head()
        revision = self._revoker.revoke_token(
            TokenId(claims.token_id),
            expire_time=datetime.fromtimestamp(claims.expires_at, UTC),
            reason="revoked",
        )
        self._record(
            call.event(
                EventType.TOKEN_REVOKED, subject=claims.token_id, session_id=claims.session_id
            )
        )
        return revision

    def end_session(self, call: Call, refresh_token: str) -> int:
        """End the session of a refresh token of the calling client; anything else has no effect.

        Returns:
            The revision at which the session is dead.

        Raises:
            StoreUnavailable: Assume that the session is still open.

        """
        session = self._grants.read(call, refresh_token, any_client=call.holds(WRITE))
        if session is None:
            return self._revoker.head()
        revision, _ = self._revoker.revoke_sessions([session.session_id], reason="logout")
        self._record(
            call.event(
                EventType.SESSION_REVOKED, subject=session.account_id, session_id=session.session_id
            )
        )
        return revision

    def _reach(self, min_revision: int) -> int:
        return self._checker.reach(min_revision, self._revoker.head())
