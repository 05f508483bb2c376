"""What a token is worth: the strict checks of `verify/`, then the marks of what was revoked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import Grants
from authsvc.domain.identifiers import AccountId, SessionId, TokenId
from authsvc.domain.keys import Keys
from authsvc.domain.refresh_tokens import PREFIX
from authsvc.domain.revocation import RevocationMarks, Revoker, TokenMarks, TokenNames
from authsvc.domain.session_directory import WRITE
from authsvc.domain.sessions import Session
from authsvc.errors import (
    InsufficientScope,
    RevisionNotReached,
    TokenDefect,
    TokenInactive,
)
from authsvc.verify.claims import Claims
from authsvc.verify.verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class Verdict:
    """An active token and the revision of the revocations that it was checked against."""

    claims: Claims
    revision: int


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
    """Checks and ends tokens."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        keys: Keys,
        marks: RevocationMarks,
        revoker: Revoker,
        grants: Grants,
        default_audience: str,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._marks = marks
        self._revoker = revoker
        self._grants = grants
        self._default_audience = default_audience
        self._record = record
        self._clock = clock

    def verify(
        self,
        access_token: str,
        *,
        audience: str = "",
        required_scopes: Iterable[str] = (),
        min_revision: int = 0,
    ) -> Verdict:
        """Check an access token.

        Raises:
            TokenInactive: It is not active, for whatever cause.
            InsufficientScope: It is active and lacks a required scope.
            RevisionNotReached: `min_revision` lies in the future.
            StoreUnavailable: It may be either.

        """
        ring = self._keys.ring
        claims = self._read(access_token, audience)
        [marks] = self._marks.check([_names(claims)])
        if self._keys.ring is not ring:  # its key may have been revoked: the fence has told
            claims = self._read(access_token, audience)
        _judge(claims, marks)
        _require_scopes(claims, required_scopes)
        return Verdict(claims, self._reach(min_revision, marks.revision))

    def verify_many(
        self, access_tokens: Sequence[str], *, audience: str, required_scopes: Sequence[str]
    ) -> tuple[list[Claims | TokenInactive | InsufficientScope], int]:
        """Check access tokens, with an answer for each, in order, and the revision of all.

        Raises:
            StoreUnavailable: They may be either.

        """
        while True:
            ring = self._keys.ring
            results = [self._read_or_refuse(token, audience) for token in access_tokens]
            readable = [claims for claims in results if isinstance(claims, Claims)]
            marks = iter(self._marks.check([_names(claims) for claims in readable]))
            if self._keys.ring is ring:  # else a key may have been revoked: the fence has told
                break
        revision = 0
        for index, claims in enumerate(results):
            if isinstance(claims, Claims):
                mark = next(marks)
                revision = max(revision, mark.revision)
                results[index] = _judge_or_refuse(claims, mark, required_scopes)
        return results, revision

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
            return Introspection(None, session, self._reach(min_revision, self._revoker.head()))
        try:
            claims = self._decode(token)
            verdict = self.verify(token, audience=claims.audience, min_revision=min_revision)
        except TokenInactive:
            return Introspection(None, None, self._reach(min_revision, self._revoker.head()))
        return Introspection(verdict.claims, None, verdict.revision)

    def explain(self, access_token: str, *, audience: str = "") -> Explanation:
        """Say why an access token is refused, or that it is not.

        Raises:
            StoreUnavailable: It may be either.

        """
        try:
            claims = self._decode(access_token)
        except TokenInactive as refusal:
            return Explanation(refusal.defect, None)
        try:
            self.verify(access_token, audience=audience)
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
            claims = self._decode(token, look=self._keys.reload)
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

    def _read(self, access_token: str, audience: str) -> Claims:
        def read() -> Claims:
            return self._verifier.verify(
                access_token,
                keys=self._keys.ring,
                audience=audience or self._default_audience,
                now=self._clock().timestamp(),
            )

        return _with_its_key(read, look=self._keys.look_for_unknown_key)

    def _decode(self, access_token: str, *, look: Callable[[], None] | None = None) -> Claims:
        """Give what a genuine token says, be it active or not."""

        def read() -> Claims:
            return self._verifier.read(access_token, keys=self._keys.ring)

        return _with_its_key(read, look=look or self._keys.look_for_unknown_key)

    def _read_or_refuse(
        self, access_token: str, audience: str
    ) -> Claims | TokenInactive | InsufficientScope:
        try:
            return self._read(access_token, audience)
        except TokenInactive as refusal:
            return refusal

    def _reach(self, min_revision: int, revision: int) -> int:
        """Give a revision no lower than the one that was asked for.

        Whatever was acknowledged is marked already, so only what the journal does not have is out
        of reach.
        """
        if min_revision <= revision:
            return revision
        if min_revision > self._revoker.head():
            raise RevisionNotReached
        return min_revision


def _with_its_key(read: Callable[[], Claims], *, look: Callable[[], None]) -> Claims:
    """Read a token; if its key is not known, another worker may have made it just now."""
    try:
        return read()
    except TokenInactive as refusal:
        if refusal.defect is not TokenDefect.UNKNOWN_KEY:
            raise
    look()
    return read()


def _names(claims: Claims) -> TokenNames:
    return TokenNames(
        token_id=TokenId(claims.token_id),
        session_id=SessionId(claims.session_id),
        account_id=AccountId(claims.subject),
    )


def _judge(claims: Claims, marks: TokenMarks) -> None:
    if marks.token_revoked:
        raise TokenInactive(TokenDefect.TOKEN_REVOKED)
    if marks.session_revoked:
        raise TokenInactive(TokenDefect.SESSION_REVOKED)
    if claims.epoch < marks.epoch:
        raise TokenInactive(TokenDefect.EPOCH)


def _require_scopes(claims: Claims, required_scopes: Iterable[str]) -> None:
    missing = set(required_scopes).difference(claims.scopes)
    if missing:
        raise InsufficientScope(" ".join(sorted(missing)))


def _judge_or_refuse(
    claims: Claims, marks: TokenMarks, required_scopes: Sequence[str]
) -> Claims | TokenInactive | InsufficientScope:
    try:
        _judge(claims, marks)
        _require_scopes(claims, required_scopes)
    except (TokenInactive, InsufficientScope) as refusal:
        return refusal
    return claims
