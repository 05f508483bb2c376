"""Seeing and ending sessions, one's own or, with the scope, anybody's."""

from collections.abc import Sequence

from authsvc.domain.accounts import AccountChange, AccountStore, EndTokens
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventType
from authsvc.domain.identifiers import AccountId, SessionId
from authsvc.domain.revocation import Revoker
from authsvc.domain.sessions import Session, SessionStore
from authsvc.errors import SessionNotFound

READ = "authsvc.sessions.read"
WRITE = "authsvc.sessions.write"


class SessionDirectory:
    """The open sessions of accounts."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        accounts: AccountStore,
        revoker: Revoker,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._accounts = accounts
        self._revoker = revoker
        self._clock = clock

    def list(self, call: Call, requested: str) -> Sequence[Session]:
        """Give the open sessions of the caller's own account or of the requested one, oldest first.

        Raises:
            AccessDenied: Another account, without the scope.
            TokenRequired: No account is named and none calls.

        """
        return self._sessions.list(call.account(requested, scope=READ), now=self._clock())

    def get(self, call: Call, session_id: SessionId) -> Session:
        """Give an open session.

        Raises:
            SessionNotFound: None, or another account's without the scope.

        """
        session = self._sessions.find(session_id, now=self._clock())
        if session is None or not call.may_act_on(session.account_id, scope=READ):
            raise SessionNotFound(session_id)
        return session

    def revoke(self, call: Call, session_id: SessionId) -> int:
        """End a session and give the revision at which it is dead.

        Whoever holds the scope may end a session that is not known here: it may be known to a
        store that comes back.

        Raises:
            SessionNotFound: Not the caller's own, without the scope.

        """
        session = self._sessions.find(session_id, now=self._clock())
        if session is None and not call.holds(WRITE) and not self._is_own(call, session_id):
            raise SessionNotFound(session_id)
        if session is not None and not call.may_act_on(session.account_id, scope=WRITE):
            raise SessionNotFound(session_id)
        subject = session.account_id if session else ""
        event = call.event(EventType.SESSION_REVOKED, subject=subject, session_id=session_id)
        revision, _ = self._revoker.revoke_sessions([session_id], reason="revoked", events=[event])
        return revision

    def revoke_all(self, call: Call, requested: str, *, keep: str = "") -> tuple[int, int]:
        """End all sessions of an account, but for one if it is named.

        Without an exception the epoch is raised, so that what is not known here dies too.

        Returns:
            The revision at which they are dead, and how many open ones were ended.

        Raises:
            AccountNotFound: No such account.
            AccessDenied: Another account, without the scope.
            TokenRequired: No account is named and none calls.

        """
        account_id = call.account(requested, scope=WRITE)
        event = call.event(EventType.SESSIONS_REVOKED, subject=account_id, session_id=keep)
        if keep:
            return self._end_others(account_id, keep, event)
        return self._end_every(account_id, event)

    def _end_others(self, account_id: AccountId, keep: str, event: Event) -> tuple[int, int]:
        sessions = self._sessions.list(account_id, now=self._clock())
        others = [s.session_id for s in sessions if s.session_id != keep]
        return self._revoker.revoke_sessions(others, reason="all others revoked", events=[event])

    def _end_every(self, account_id: AccountId, event: Event) -> tuple[int, int]:
        end_tokens = EndTokens(
            reason="all revoked", remember_until=self._revoker.remember_account()
        )
        _, revocation = self._accounts.change(
            account_id, AccountChange(), now=self._clock(), event=event, end_tokens=end_tokens
        )
        if revocation is None:  # the store journals what it is asked to
            raise AssertionError
        return revocation.revision, self._revoker.mark([revocation])

    @staticmethod
    def _is_own(call: Call, session_id: SessionId) -> bool:
        return call.claims is not None and call.claims.session_id == session_id
