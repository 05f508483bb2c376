"""What administrators do with signing keys."""

from collections.abc import Sequence

from authsvc.domain.calls import Call
from authsvc.domain.events import Event, EventSink, EventType
from authsvc.domain.fence import FenceKeeper
from authsvc.domain.identifiers import KeyId
from authsvc.domain.key_standing import KeyStanding
from authsvc.domain.keys import Keys
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

        def event_of(key_id: KeyId) -> Event:
            return call.event(EventType.KEY_ROTATED, subject=key_id)

        standing, is_new = self._keys.rotate(event_of, activate_immediately=activate_immediately)
        if not is_new:  # nothing was changed that the event could be kept with
            self._record(event_of(standing.key.key_id))
        return standing

    def revoke(self, call: Call, key_id: KeyId) -> int:
        """Kill a compromised key and give the revision at which it is dead.

        The fence that the store has changed is set in Redis, so that workers without a read lease
        load their keys anew before they answer another call; the others learn of it from the feed.

        Raises:
            KeyNotFound: No such key.

        """
        event = call.event(EventType.KEY_REVOKED, subject=key_id)
        revocation = self._keys.revoke(key_id, reason="revoked", event=event)
        self._fence.enforce()
        return self._revoker.put_in_force(revocation)
