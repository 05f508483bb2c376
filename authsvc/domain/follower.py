"""Keeps the replica true: the one thread that follows the feed and renews the lease.

In this order nothing can slip between: be put on the roll, so that revokers wait for this worker;
note the end of the feed; apply the journal; follow the feed from the noted place; and only then
ask for a lease.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from authsvc.domain.acknowledgement import Acknowledgement
from authsvc.domain.clock import Clock
from authsvc.domain.replica import RevocationReplica
from authsvc.domain.revocation import Revocation, RevocationJournal, RevocationMarks
from authsvc.domain.roll import FeedStream, LeaseRoll
from authsvc.errors import StoreUnavailable

_RENEWALS = 4
"""How often a lease is renewed while it lasts."""
_LONGEST_WAIT = 0.5
"""For the feed, in seconds: less than the bound of any answer of Redis."""


class Follower:
    """Follows the feed. `step` is for one thread alone."""

    def __init__(
        self,
        *,
        replica: RevocationReplica,
        journal: RevocationJournal,
        marks: RevocationMarks,
        stream: FeedStream,
        roll: LeaseRoll,
        acknowledgement: Acknowledgement,
        restored: Callable[[], int],
        lease: timedelta,
        clock: Clock,
        steady: Callable[[], float],
    ) -> None:
        """Put it together.

        Args:
            replica: What is kept true.
            journal: The truth.
            marks: Where what only the journal had is marked, for those who have no lease.
            stream: The feed in Redis.
            roll: Where revokers see what was applied.
            acknowledgement: Is told what every worker has applied.
            restored: The revision up to which the marks in Redis have been made again.
            lease: How long a lease lasts.
            clock: The wall clock, for what may be forgotten.
            steady: Seconds on a clock that never stops.

        """
        self._replica = replica
        self._journal = journal
        self._marks = marks
        self._stream = stream
        self._roll = roll
        self._acknowledgement = acknowledgement
        self._restored = restored
        self._lease = lease.total_seconds()
        self._clock = clock
        self._steady = steady
        self._wait = min(self._lease / _RENEWALS, _LONGEST_WAIT)
        self._member = b""
        self._book = b""
        self._book_seen = 0.0
        self._place = b""

    def step(self) -> None:
        """Get on the roll, or wait for the feed a little, apply what came, and renew the lease.

        Raises:
            StoreUnavailable: SQL or Redis does not answer; the lease ends by itself.

        """
        if not self._member:
            self._enrol()
        else:
            self._follow()
        self._renew()

    def sign_off(self) -> None:
        """Answer nothing from memory any more, and let no revoker wait for this worker."""
        self._replica.lease.give_up()
        if self._member:
            self._roll.sign_off(self._member)

    def _enrol(self) -> None:
        member = secrets.token_bytes(16)  # a new one each time: no counter ever goes back
        enrolment = self._roll.enrol(member)
        if enrolment.book != self._book:
            self._book, self._book_seen = enrolment.book, self._steady()
        self._place = enrolment.feed_end
        try:
            self._apply_journal()
        except StoreUnavailable:
            with suppress(StoreUnavailable):  # else revokers wait for a lease that nobody got
                self._roll.sign_off(member)
            raise
        self._member = member

    def _follow(self) -> None:
        came, place = self._stream.read(self._place, wait=self._wait)
        news = sorted(
            (r for r in came if r.revision > self._replica.revision), key=lambda r: r.revision
        )
        if news:
            self._apply(news)
        self._place = place

    def _apply(self, news: Sequence[Revocation]) -> None:
        last = news[-1].revision
        revisions = {revocation.revision for revocation in news}
        if len(revisions) == last - self._replica.revision:
            self._replica.apply(_unique(news), revision=last)
        else:  # a gap: whoever journalled what is missing is slow, or has died
            self._apply_journal()

    def _apply_journal(self) -> None:
        """Apply what the journal has beyond the replica.

        What no restore has marked is put out first, as its revoker should have done: else this
        worker would know of an end that the others could never confirm.
        """
        head = self._journal.head()
        now = self._clock()
        for batch in self._journal.live(now, after=self._replica.revision):
            unmarked = [r for r in batch if r.revision > self._restored()]
            if unmarked:
                self._marks.apply(unmarked, now=now)
                self._stream.publish(unmarked)
            self._replica.apply(batch, revision=batch[-1].revision)
        if head > self._replica.revision:
            self._replica.apply((), revision=head)

    def _renew(self) -> None:
        asked = self._steady()
        least = self._roll.renew(
            self._member,
            book=self._book,
            applied=self._replica.revision,
            settle=asked - self._book_seen > self._lease * 1.01,
        )
        if least is None:
            self._member = b""
            detail = "this worker is no longer on the roll"
            raise StoreUnavailable(detail)
        self._replica.lease.extend(asked)
        self._acknowledgement.note(least)


def _unique(news: Sequence[Revocation]) -> Sequence[Revocation]:
    return list({revocation.revision: revocation for revocation in news}.values())
