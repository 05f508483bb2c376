"""Revocation: what is dead, written down where it can't be lost before anyone is told.

A revocation is committed to the journal (SQL), then marked where checks without a read lease look
(Redis), then published in the feed that every worker follows, and acknowledged when all have
applied it. What is in the journal and not in Redis is put there by `domain/fence.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from authsvc.domain.clock import Clock
from authsvc.domain.events import Event
from authsvc.domain.identifiers import AccountId, SessionId, TokenId
from authsvc.verify.revocations import RevocationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One line of the journal."""

    revision: int
    """Its place in the journal: higher is later."""
    kind: RevocationKind
    subject: str
    """The jti, sid, account id or kid that it ends."""
    epoch: int
    """Of an account: tokens with a lower epoch are dead. Else 0."""
    reason: str
    create_time: datetime
    remember_until: datetime
    """When the last token or session that it ends would have ended by itself, bounds included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNames:
    """The names under which an access token can be revoked."""

    token_id: TokenId
    session_id: SessionId
    account_id: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMarks:
    """What the marks say of an access token."""

    revision: int
    """The revision of the latest revocation that was marked in the token's partition."""
    token_revoked: bool
    session_revoked: bool
    epoch: int
    """The least epoch at which tokens of the account are alive; 0 if no mark says more."""


class RevocationJournal(Protocol):
    """The truth about revocations, in SQL. Every append is durable when the call returns.

    Fails closed: StoreUnavailable, and then nothing may be acknowledged.
    """

    def append(
        self,
        kind: RevocationKind,
        subjects: Sequence[str],
        *,
        reason: str,
        now: datetime,
        remember_until: datetime,
        events: Sequence[Event],
    ) -> Sequence[Revocation]:
        """Write a revocation for each subject, with the events that report them, atomically.

        Returns:
            The revocations, in order.

        """

    def live(self, now: datetime, *, after: int = 0) -> Iterator[Sequence[Revocation]]:
        """Give all revocations after a revision still to be remembered, in order, in batches."""

    def head(self) -> int:
        """Give the latest revision; 0 for an empty journal."""

    def purge(self, now: datetime) -> int:
        """Forget what need not be remembered any longer, but never the latest revision."""


class RevocationMarks(Protocol):
    """The same where checks look that can't be made from memory: Redis.

    Fails closed: StoreUnavailable; a token is then neither active nor inactive.
    """

    def apply(self, revocations: Sequence[Revocation], *, now: datetime) -> int:
        """Mark revocations and end the sessions that they name. Idempotent, in any order.

        A mark MUST stay until `remember_until`; an epoch MUST never go down.

        Returns:
            How many open sessions were ended.

        """

    def check(self, tokens: Sequence[TokenNames]) -> Sequence[TokenMarks]:
        """Say what the marks are for each token, in order, in one round trip."""


CLOCK_BOUND = timedelta(hours=2)
"""How far clocks may be off before a revocation could be forgotten too early (P-REV-6)."""

KNOWN_CALLER_LIFE = timedelta(hours=1)
"""How long a worker may remember a calling service, if no revocation names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long tokens and sessions can live, from which follows how long to remember their end."""

    access_token: timedelta
    session: timedelta
    """The absolute one."""
    leeway: timedelta

    def remember_token(self, expire_time: datetime) -> datetime:
        """Until when a revoked access token must be remembered."""
        return expire_time + self.leeway + CLOCK_BOUND

    def remember_session(self, opened_before: datetime) -> datetime:
        """Until when a revoked session, opened before a moment, must be remembered."""
        return self.remember_token(opened_before + self.session + self.access_token)

    def remember_service(self, now: datetime) -> datetime:
        """Until when the end of a service's credentials and tokens must be remembered."""
        return self.remember_token(now + max(self.access_token, KNOWN_CALLER_LIFE))


class Revoker:
    """Ends things in the one order that is safe: journal, marks, feed, every worker, the answer."""

    def __init__(
        self,
        *,
        journal: RevocationJournal,
        marks: RevocationMarks,
        lifetimes: Lifetimes,
        clock: Clock,
        publish: Callable[[Sequence[Revocation]], None],
        wait_until_everywhere: Callable[[int], None],
        known: Callable[[], int],
    ) -> None:
        """Put it together.

        Args:
            journal: The truth.
            marks: Where those look who can't answer from memory.
            lifetimes: How long to remember what.
            clock: The wall clock.
            publish: Appends to the feed that every worker follows.
            wait_until_everywhere: Returns once no worker accepts what ended up to a revision.
            known: Gives the revision up to which this process has applied everything.

        """
        self._journal = journal
        self._marks = marks
        self._publish = publish
        self._wait_until_everywhere = wait_until_everywhere
        self._known = known
        self._lifetimes = lifetimes
        self._clock = clock

    def head(self) -> int:
        """Give the latest revision of the journal."""
        return self._journal.head()

    def revoke_token(
        self, token_id: TokenId, *, expire_time: datetime, reason: str, event: Event
    ) -> int:
        """End one access token and give the revision at which it is dead."""
        revocations = self._journal.append(
            RevocationKind.TOKEN,
            [token_id],
            reason=reason,
            now=self._clock(),
            remember_until=self._lifetimes.remember_token(expire_time),
            events=[event],
        )
        self.mark(revocations)
        return revocations[-1].revision

    def revoke_sessions(
        self, session_ids: Sequence[SessionId], *, reason: str, events: Sequence[Event]
    ) -> tuple[int, int]:
        """End sessions with all their tokens; that there was none to end is an act as well.

        Returns:
            The revision at which they are dead, and how many of them were open.

        """
        now = self._clock()
        revocations = self._journal.append(
            RevocationKind.SESSION,
            session_ids,
            reason=reason,
            now=now,
            remember_until=self._lifetimes.remember_session(now),
            events=events,
        )
        if not revocations:
            return self.head(), 0
        return revocations[-1].revision, self.mark(revocations)

    def put_in_force(self, revocation: Revocation | None) -> int:
        """Mark what a change has journalled, if anything, and give its revision; 0 for nothing."""
        if revocation is None:
            return 0
        self.mark([revocation])
        return revocation.revision

    def mark(self, revocations: Sequence[Revocation]) -> int:
        """Put journalled revocations in force everywhere, and give how many sessions they ended.

        Raises:
            StoreUnavailable: They are in the journal, and `publish_the_rest` will put them in
                force, though nobody was promised it.

        """
        ended = self._put_out(revocations)
        self._wait_until_everywhere(revocations[-1].revision)
        return ended

    def publish_the_rest(self) -> None:
        """Finish what is in the journal and not in the feed, because its revoker could not.

        Raises:
            StoreUnavailable: It still can't be done.

        """
        known = self._known()
        if self._journal.head() > known:
            for batch in self._journal.live(self._clock(), after=known):
                self._put_out(batch)

    def _put_out(self, revocations: Sequence[Revocation]) -> int:
        # The marks come first: whoever finds a revocation in the feed may rely on them.
        ended = self._marks.apply(revocations, now=self._clock())
        self._publish(revocations)
        return ended

    def remember_account(self) -> datetime:
        """Until when the end of all of an account's tokens must be remembered."""
        return self._lifetimes.remember_session(self._clock())

    def remember_service(self) -> datetime:
        """Until when the end of a service's credentials and tokens must be remembered."""
        return self._lifetimes.remember_service(self._clock())
