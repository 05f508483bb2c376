"""What callers may learn of a token beyond its check, and how they end one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from authsvc.domain.calls import Call
from authsvc.domain.events import EventType
from authsvc.domain.grants import Grants
from authsvc.domain.identifiers import TokenId
from authsvc.domain.keys import Keys
from authsvc.domain.refresh_tokens import PREFIX
from authsvc.domain.requirements import NOTHING_MORE, Requirements
from authsvc.domain.revocation import Revoker
from authsvc.domain.session_directory import WRITE
from authsvc.domain.sessions import Session
from authsvc.domain.token_checking import KnownToken, TokenChecker, Verdict
from authsvc.errors import InsufficientScope, TokenDefect, TokenInactive
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
    ) -> None:
        self._checker = checker
        self._keys = keys
        self._revoker = revoker
        self._grants = grants

    def verify(
        self, call: Call, access_token: str, requirements: Requirements = NOTHING_MORE
    ) -> Verdict:
        """Check an access token for an audience that the caller may ask about.

        Raises:
            TokenInactive: It is not active, for whatever cause.
            InsufficientUserAuthentication: It is active, and its subject proved who it is longer
                ago than `max_age` or less surely than `acr`.
            InsufficientScope: It is active and lacks a required scope.
            RevisionNotReached: `min_revision` lies in the future.
            StoreUnavailable: It may be any.

        """
        self._check_audience(call, requirements)
        return self._checker.verify(access_token, requirements)

    def verify_again(self, call: Call, known: KnownToken) -> Verdict | None:
        """Check a known token likewise, from memory; None if it must be read anew."""
        self._check_audience(call, known.requirements)
        return self._checker.verify_again(known)

    def verify_many(
        self,
        call: Call,
        access_tokens: Sequence[str],
        *,
        audience: str,
        required_scopes: Sequence[str],
    ) -> tuple[list[Claims | TokenInactive | InsufficientScope], int]:
        """Check access tokens likewise, with an answer for each, in order.

        Returns:
            The answers, and the revision of all; 0 if none was looked at.

        Raises:
            StoreUnavailable: They may be either.

        """
        if not call.serves(self._checker.audience(audience)):
            return [TokenInactive(TokenDefect.AUDIENCE) for _ in access_tokens], 0
        return self._checker.verify_many(
            access_tokens, audience=audience, required_scopes=required_scopes
        )

    def introspect(self, call: Call, token: str, *, min_revision: int = 0) -> Introspection:
        """Say what an access or refresh token is worth; an inactive one is no error.

        Raises:
            RevisionNotReached: `min_revision` lies in the future.
            StoreUnavailable: It may be either.

        """
        if token.startswith(PREFIX):
            session = self._grants.read(call, token, any_client=True)
            if session is not None and not (
                self._grants.is_current(token, session) and call.serves(session.audience)
            ):
                session = None
            return Introspection(None, session, self._reach(min_revision))
        try:
            claims = self._checker.decode(token)
            requirements = Requirements(
                audience=claims.audience,
                min_revision=min_revision,
                certificate=claims.certificate,  # the caller is told, and has to look (RFC 8705)
            )
            verdict = self.verify(call, token, requirements)
        except TokenInactive:
            return Introspection(None, None, self._reach(min_revision))
        return Introspection(verdict.claims, None, verdict.revision)

    def explain(
        self, call: Call, access_token: str, *, audience: str = "", certificate: bytes = b""
    ) -> Explanation:
        """Say why an access token is refused that came with a certificate, or that it is not.

        Raises:
            StoreUnavailable: It may be either.

        """
        try:
            claims = self._checker.decode(access_token)
        except TokenInactive as refusal:
            return Explanation(refusal.defect, None)
        if not call.serves(claims.audience):
            return Explanation(TokenDefect.AUDIENCE, None)
        try:
            self._checker.verify(
                access_token, Requirements(audience=audience, certificate=certificate)
            )
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
        return self._revoker.revoke_token(
            TokenId(claims.token_id),
            expire_time=datetime.fromtimestamp(claims.expires_at, UTC),
            reason="revoked",
            event=call.event(
                EventType.TOKEN_REVOKED, subject=claims.token_id, session_id=claims.session_id
            ),
        )

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
        event = call.event(
            EventType.SESSION_REVOKED, subject=session.account_id, session_id=session.session_id
        )
        revision, _ = self._revoker.revoke_sessions(
            [session.session_id], reason="logout", events=[event]
        )
        return revision

    def _check_audience(self, call: Call, requirements: Requirements) -> None:
        if not call.serves(self._checker.audience(requirements.audience)):
            raise TokenInactive(TokenDefect.AUDIENCE)

    def _reach(self, min_revision: int) -> int:
        return self._checker.reach(min_revision, self._revoker.head())
