"""The signing keys: making them, knowing them, ending them; `key_standing.py` says which signs."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventType
from authsvc.domain.identifiers import KeyId
from authsvc.domain.key_standing import KeyStanding, KeyState, standings
from authsvc.domain.revocation import Revocation
from authsvc.domain.signing_keys import SigningKey, generate_key
from authsvc.errors import KeyNotFound, StoreUnavailable
from authsvc.verify.keyring import KeyRing, VerificationKey


class KeyStore(Protocol):
    """Keeps signing keys in SQL, the private part sealed under the master key.

    An event is kept with what it reports (see `events.py`). Fails closed: StoreUnavailable.
    """

    def list(self) -> Sequence[SigningKey]:
        """Give all keys, oldest first (by `activate_time`)."""

    def add(self, key: SigningKey, *, newest: KeyId | None, event: Event) -> bool:
        """Keep a new key, if the newest one by `activate_time` still is the given one.

        Returns:
            False, with nothing kept, if another process was faster.

        """

    def revoke(
        self,
        key_id: KeyId,
        *,
        reason: str,
        now: datetime,
        remember_until: datetime,
        event: Event,
    ) -> Revocation:
        """Mark a key as compromised, journal that, and change the fence; MUST be atomic.

        Raises:
            KeyNotFound: No such key.

        """

    def remove(self, key_ids: Sequence[KeyId]) -> None:
        """Forget keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """How long keys do what."""

    publication_time: timedelta
    """How long a key is published before it signs; no less than verifiers cache the key set."""
    rotation_period: timedelta
    """How long a key signs before the next takes its place."""
    token_lifetime: timedelta
    """How long its last token lives, bounds included."""
    algorithm: str
    """Of keys made from now on: `EdDSA`, `ES256` or `RS256`."""


def _rotated_by_itself(key_id: KeyId, reason: str = "due") -> Event:
    """Give the event of a key that nobody asked for."""
    return Event(type=EventType.KEY_ROTATED, actor="", peer="", subject=key_id, reason=reason)


def _replaced_by_itself(key_id: KeyId) -> Event:
    return _rotated_by_itself(key_id, "no active key")


_LOOK_INTERVAL = timedelta(seconds=1)
_LOOK_PATIENCE = 1.0
"""How long, in seconds, to wait while another thread looks."""


class Keys:
    """The keys as this process knows them, and what may be done with them."""

    def __init__(self, *, store: KeyStore, policy: KeyPolicy, clock: Clock) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._known: Sequence[SigningKey] = ()
        self._ring = KeyRing(())
        self._is_stale = False
        self._loading = threading.Lock()
        self._looking = threading.Lock()
        self._last_look = clock() - _LOOK_INTERVAL
        self.on_change: Callable[[], None] = lambda: None
        """Is called when the ring has become another."""

    @property
    def ring(self) -> KeyRing:
        """What tokens are checked with: every published key that is not revoked.

        It stays the same object until other keys are found.
        """
        return self._ring

    def reload(self) -> None:
        """Read the keys from the store. A failure leaves the known ones in use.

        Raises:
            StoreUnavailable: The store does not answer.

        """
        with self._loading:
            self._is_stale = True
            self._known = self._store.list()
            self._is_stale = False
            ring = KeyRing(VerificationKey.from_jwk(jwk) for jwk in self.published())
            has_changed = {key.key_id for key in ring} != {key.key_id for key in self._ring}
            if has_changed:
                self._ring = ring
        if has_changed:
            self.on_change()

    def look_for_unknown_key(self) -> None:
        """Look for a key that is not in the ring; judge by the ring anew afterwards.

        At most one look in a second, however many unknown keys are named (P-KEY-4). Who comes
        while another thread looks waits for what it finds.

        Raises:
            StoreUnavailable: It may exist: the latest attempt to load the keys has failed.

        """
        if not self._looking.acquire(timeout=_LOOK_PATIENCE):
            detail = "the keys are still being loaded"
            raise StoreUnavailable(detail)
        try:
            if self._clock() - self._last_look >= _LOOK_INTERVAL:
                self._last_look = self._clock()
                self.reload()
        finally:
            self._looking.release()
        if self._is_stale:
            detail = "the keys could not be loaded"
            raise StoreUnavailable(detail)

    def signing_key(self) -> SigningKey:
        """Give the key that signs now.

        Raises:
            StoreUnavailable: None is known.

        """
        for standing in self._standings():
            if standing.state is KeyState.ACTIVE:
                return standing.key
        detail = "there is no active signing key"
        raise StoreUnavailable(detail)

    def published(self) -> list[dict[str, str]]:
        """Give the public keys that verifiers need, the signing one first (RFC 7517)."""
        standings = [s for s in self._standings() if self._is_published(s)]
        standings.sort(key=lambda standing: standing.state is not KeyState.ACTIVE)
        return [standing.key.public_jwk for standing in standings]

    def describe(self) -> Sequence[KeyStanding]:
        """Give every key with its standing, newest first, as the store has them now."""
        self.reload()
        return self._standings()

    def rotate(
        self, event_of: Callable[[KeyId], Event], *, activate_immediately: bool = False
    ) -> tuple[KeyStanding, bool]:
        """Make the next key with its event, or give the one that already waits to sign.

        Returns:
            The key, and whether it was made.

        Raises:
            StoreUnavailable: Nothing was made.

        """
        while True:
            self.reload()
            newest = self._newest()
            if newest and newest.state is KeyState.PENDING and not activate_immediately:
                return newest, False
            key_id = self._add_after(newest, event_of, activate_immediately=activate_immediately)
            if key_id is not None:
                return self._standing_of(key_id), True

    def rotate_if_due(self) -> None:
        """Make the first key, or the next one early enough to be published in time.

        Of several processes that find it due, one makes the key and the others load it.
        """
        self.reload()
        newest = self._newest()
        active = next((s for s in self._standings() if s.state is KeyState.ACTIVE), None)
        if active is None:
            self._add_after(newest, _replaced_by_itself, activate_immediately=True)
        elif self._clock() >= self._due(active) and newest and newest.state is not KeyState.PENDING:
            self._add_after(newest, _rotated_by_itself, activate_immediately=False)

    def _due(self, active: KeyStanding) -> datetime:
        return active.key.activate_time + self._policy.rotation_period

    def _newest(self) -> KeyStanding | None:
        standings = self._standings()
        return standings[0] if standings else None

    def _add_after(
        self,
        newest: KeyStanding | None,
        event_of: Callable[[KeyId], Event],
        *,
        activate_immediately: bool,
    ) -> KeyId | None:
        """Make a key unless another process was faster; give its id if it was made."""
        now = self._clock()
        delay = timedelta() if activate_immediately else self._policy.publication_time
        key = generate_key(self._policy.algorithm, now=now, activate_time=now + delay)
        added = self._store.add(
            key, newest=newest.key.key_id if newest else None, event=event_of(key.key_id)
        )
        self.reload()
        return key.key_id if added else None

    def revoke(self, key_id: KeyId, *, reason: str, event: Event) -> Revocation:
        """Kill a key in the store; if it was signing, let a new one sign at once.

        The caller then restores the fence, which the store has changed, so that every worker
        loads its keys anew before it answers again.

        Raises:
            KeyNotFound: No such key.

        """
        now = self._clock()
        revocation = self._store.revoke(
            key_id,
            reason=reason,
            now=now,
            remember_until=now + self._policy.token_lifetime,
            event=event,
        )
        self.reload()
        if all(standing.state is not KeyState.ACTIVE for standing in self._standings()):
            self.rotate(_replaced_by_itself, activate_immediately=True)
        return revocation

    def forget_expired(self) -> None:
        """Remove the keys whose last token has ended."""
        now = self._clock()
        expired = [s.key.key_id for s in self._standings() if s.expire_time and s.expire_time < now]
        if expired:
            self._store.remove(expired)
            self.reload()

    def _standings(self) -> list[KeyStanding]:
        return standings(self._known, now=self._clock(), token_lifetime=self._policy.token_lifetime)

    def _standing_of(self, key_id: KeyId) -> KeyStanding:
        for standing in self._standings():
            if standing.key.key_id == key_id:
                return standing
        raise KeyNotFound(key_id)

    def _is_published(self, standing: KeyStanding) -> bool:
        if standing.state is KeyState.REVOKED:
            return False
        return standing.expire_time is None or standing.expire_time > self._clock()
