"""WatchRevocations: from the feed, or the journal where the feed does not reach back.

A snapshot needs no pause: `revision` is noted first, so that the journal, read afterwards, has all
up to it; what came since then is in the feed. Revocations may come twice, which changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from authn.v1.token_service_pb2 import WatchRevocationsResponse

from authsvc.domain.clock import Clock
from authsvc.domain.feed import Piece, RevocationFeed
from authsvc.domain.revocation import Revocation, RevocationJournal
from authsvc.errors import AuthError, Overloaded, StoreUnavailable
from authsvc.transport.messages import revocation_message, timestamp
from authsvc.transport.streams import Stream

_READERS = 2
"""Threads that read snapshots, a batch at a time for each in turn."""

Batches = Iterator[Sequence[Revocation]]


class RevocationWatch:
    """Tells its watchers what the feed has."""

    def __init__(
        self,
        *,
        feed: RevocationFeed,
        journal: RevocationJournal,
        is_current: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Take what says whether the feed has all that anybody was told of."""
        self._feed = feed
        self._journal = journal
        self._is_current = is_current
        self._clock = clock
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="snapshots")
        self._written: tuple[Piece, bytes] | None = None

    def begin(self, stream: Stream, after_revision: int) -> None:
        """Tell a stream what was missed since a revision, and then all that comes.

        Raises:
            StoreUnavailable: The feed does not have all.

        """
        if not self._is_current():
            detail = "the feed of revocations is behind"
            raise StoreUnavailable(detail)

        def follow(piece: Piece) -> None:
            stream.put(self._write_once(piece))

        if self._feed.follow(after_revision, follow):
            stream.on_over(lambda: self._feed.leave(follow))
            return
        revision = self._feed.revision
        self._read(stream, self._journal.live(self._clock()), revision, reset=True)

    def give_sign_of_life(self) -> None:
        """Tell all watchers that there is nothing new; to be called more than once a second."""
        self._feed.repeat()

    def close(self) -> None:
        """Read no more snapshots."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _read(self, stream: Stream, batches: Batches, revision: int, *, reset: bool) -> None:
        self._readers.submit(self._send_batch, stream, batches, revision, reset=reset)

    def _send_batch(self, stream: Stream, batches: Batches, revision: int, *, reset: bool) -> None:
        """Send the next batch of a snapshot; the one after it is read when this one is taken."""
        try:
            batch = next(batches, None)
        except AuthError as error:
            stream.fail(error)
            return
        if batch is None:
            self._go_on(stream, revision, reset=reset)
            return
        message = self._message(Piece(0, 0, batch))
        message.reset = reset
        message.is_current = False
        stream.put(
            message.SerializeToString(),
            then=partial(self._read, stream, batches, revision, reset=False),
        )

    def _go_on(self, stream: Stream, revision: int, *, reset: bool) -> None:
        """End a snapshot with what came while it was read, and follow the feed."""
        is_first = True

        def follow(piece: Piece) -> None:
            nonlocal is_first
            if is_first:
                is_first = False
                message = self._message(Piece(0, piece.revision, piece.revocations))
                message.reset = reset
                stream.put(message.SerializeToString())
            else:
                stream.put(self._write_once(piece))

        if self._feed.follow(revision, follow):
            stream.on_over(lambda: self._feed.leave(follow))
        else:
            stream.fail(Overloaded("more was revoked during a snapshot than the feed keeps"))

    def _write_once(self, piece: Piece) -> bytes:
        """Write a piece for all who are told of it, one after the other, with the feed locked."""
        if self._written is None or self._written[0] is not piece:
            self._written = piece, self._message(piece).SerializeToString()
        return self._written[1]

    def _message(self, piece: Piece) -> WatchRevocationsResponse:
        server_time = timestamp(self._clock())  # before the question, so that the answer covers it
        return WatchRevocationsResponse(
            revocations=map(revocation_message, piece.revocations),
            after_revision=piece.after_revision,
            revision=piece.revision,
            is_current=self._is_current(),
            server_time=server_time,
        )
