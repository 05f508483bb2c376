"""What administrators do with signing keys."""

from collections.abc import Sequence

from authsvc.domain.calls import Call
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.fence import FenceKeeper
from authsvc.domain.identifiers import KeyId
from authsvc.domain.keys import Keys, KeyStanding
from authsvc.domain.revocation import Revoker


class KeyAdministration:
    """Lists, rotates and revokes keys, in force in every worker when the call returns."""

    def __init__(
        self, *, keys: Keys, fence: FenceKeeper, revoker: Revoker, record: EventSink
    ) -> None:
        self._keys = keys
        self._fence = fence
        self._revoker = revoker
        self._record = record

    def list(self) -> Sequence[KeyStanding]:
        """Give every key with its standing, newest first."""
        return self._keys.describe()

    def rotate(self, call: Call, *, activate_immediately: bool) -> KeyStanding:
        """Make the next key, or give the one that already waits to sign."""
        standing = self._keys.rotate(activate_immediately=activate_immediately)
        self._record(call.event(EventType.KEY_ROTATED, subject=standing.key.key_id))
        return standing

    def revoke(self, call: Call, key_id: KeyId) -> int:
        """Kill a compromised key and give the revision at which it is dead.

        The fence that the store has changed is set in Redis, so that workers without a read lease
        load their keys anew before they answer another call; the others learn of it from the feed.

        Raises:
            KeyNotFound: No such key.

        """
        revocation = self._keys.revoke(key_id, reason="revoked")
        self._fence.enforce()
        self._revoker.put_in_force(revocation)
        self._record(call.event(EventType.KEY_REVOKED, subject=key_id))
        return revocation.revision
