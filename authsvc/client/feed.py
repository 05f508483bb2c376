"""Follows the feed of revocations by the rules of `WatchRevocationsResponse`."""

import threading
import time
from collections.abc import Callable
from math import inf

from authn.v1 import revocation_pb2 as messages
from authn.v1.token_service_pb2 import WatchRevocationsResponse

from authsvc.client.clock import since_boot
from authsvc.client.watch import FeedBroken
from authsvc.verify.revocations import RevocationEntry, RevocationIndex, RevocationKind

_KINDS = {
    messages.REVOCATION_KIND_TOKEN: RevocationKind.TOKEN,
    messages.REVOCATION_KIND_SESSION: RevocationKind.SESSION,
    messages.REVOCATION_KIND_ACCOUNT: RevocationKind.ACCOUNT,
    messages.REVOCATION_KIND_KEY: RevocationKind.KEY,
}
_FORGET_EVERY = 60.0
_LATE = 5.0
"""How much later than the quickest piece of a call, in seconds, one may come. Beyond it the call is
begun anew: what comes was waiting in a buffer, or the server's clock was set."""


class Feed:
    """What was revoked, as far as the server told; one thread feeds it, any may read.

    Read `heard_at` first and `index` after it: then the index knows all that was revoked then.
    """

    def __init__(self, *, leeway: int, keys_revoked: Callable[[], None]) -> None:
        """Begin with nothing.

        Args:
            leeway: By how many seconds a token is accepted after its end.
            keys_revoked: Is called when the index may hold keys that it did not hold before.

        """
        self.heard_at = -inf
        """When all was known last, on the clock since boot."""
        self.index = RevocationIndex()
        self.revision = 0
        self.heard = threading.Event()
        self._leeway = leeway
        self._keys_revoked = keys_revoked
        self._next: RevocationIndex | None = None
        """A snapshot that has begun and is not complete."""
        self._next_revision = 0
        self._quickest = inf
        """The least that lay between `server_time` and the receipt of a piece, on two clocks."""
        self._forgot_at = since_boot()

    def begin(self) -> int:
        """Drop half a snapshot, for a new call; give the revision to go on from."""
        self._next = None
        self._quickest = inf
        return self.revision

    def take(self, piece: WatchRevocationsResponse) -> None:
        """Apply a piece.

        Raises:
            FeedBroken: It does not go on from here, or it is not understood. In the latter case
                nothing is known any more until a piece that is: the feed MUST NOT be trusted.

        """
        told_at = self._told_at(piece)
        try:
            entries = [_entry(revocation) for revocation in piece.revocations]
        except ValueError as error:
            self.heard_at = -inf
            raise FeedBroken(str(error)) from error
        if piece.reset:
            self._next, self._next_revision = RevocationIndex(), 0
        held = self.revision if self._next is None else self._next_revision
        if piece.after_revision != held or piece.revision < held:
            raise FeedBroken("a gap")
        self._apply(entries, piece)
        if piece.is_current:
            self.heard_at = told_at
            self.heard.set()
            self._forget(piece)

    def _told_at(self, piece: WatchRevocationsResponse) -> float:
        """Say when a piece was true, on the clock since boot.

        Not when it was received: who has slept reads what has waited for it, and is not to take
        that for news.
        """
        received_at = since_boot()
        sent = piece.server_time.seconds + piece.server_time.nanos / 1e9
        self._quickest = min(self._quickest, received_at - sent)
        told_at = sent + self._quickest
        if received_at - told_at > _LATE:
            raise FeedBroken("what comes is old")
        return told_at

    def _apply(self, entries: list[RevocationEntry], piece: WatchRevocationsResponse) -> None:
        key_entries = [entry for entry in entries if entry.kind is RevocationKind.KEY]
        if self._next is None:
            self.index.add(entries)
            self.revision = piece.revision
        else:
            self.index.add(key_entries)  # these don't wait for the rest of the snapshot
            self._next.add(entries)
            self._next_revision = piece.revision
            if piece.is_current:
                self.index, self._next = self._next, None
                self.revision = piece.revision
        if key_entries:
            self._keys_revoked()

    def _forget(self, piece: WatchRevocationsResponse) -> None:
        """Forget by the slower of both clocks: whichever is wrong, no token comes back to life."""
        if since_boot() - self._forgot_at < _FORGET_EVERY:
            return
        self._forgot_at = since_boot()
        self.index.forget(min(time.time(), piece.server_time.seconds) - self._leeway)


def _entry(revocation: messages.Revocation) -> RevocationEntry:
    kind = _KINDS.get(revocation.kind)
    if kind is None or not revocation.subject or not revocation.HasField("forget_time"):
        raise ValueError("a revocation that is not understood")
    return RevocationEntry(
        kind, revocation.subject, revocation.epoch, revocation.forget_time.seconds + 1
    )
