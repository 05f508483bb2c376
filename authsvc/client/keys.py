"""Keeps the public keys, and asks for them again when a token names one that is not known."""

import logging
import threading
from collections.abc import Callable, Iterable

import grpc
from authn.v1.token_pb2 import JsonWebKey

from authsvc.client.clock import since_boot
from authsvc.errors import StoreUnavailable
from authsvc.verify.keyring import KeyRing, VerificationKey

_log = logging.getLogger("authsvc.client")

_ASK_EVERY = 1.0
"""Seconds between two questions, whoever names how many unknown keys (P-KEY-4)."""


class Keys:
    """The ring in use; threads may share it."""

    def __init__(
        self, *, ask: Callable[[], Iterable[JsonWebKey]], is_revoked: Callable[[str], bool]
    ) -> None:
        """Begin with an empty ring.

        Args:
            ask: Gets the keys from the server within a bounded time; raises `grpc.RpcError`.
            is_revoked: Says whether a key was revoked: no ring holds such a one.

        """
        self.ring = KeyRing(())
        self.heard = threading.Event()
        self._ask = ask
        self._is_revoked = is_revoked
        self._given: list[VerificationKey] = []
        self._changing = threading.Lock()
        self._asking = threading.Lock()
        self._asked_at = -_ASK_EVERY
        self._answered = False

    def take(self, jwks: Iterable[JsonWebKey]) -> None:
        """Replace the keys by these; if none of them is of use, keep those there are."""
        given = {key.key_id: key for key in map(_read, jwks) if key is not None}
        if not given:
            return
        with self._changing:
            self._given = list(given.values())
            self._renew()
        self.heard.set()

    def drop_revoked(self) -> None:
        """Take the keys that were revoked out of the ring."""
        with self._changing:
            self._renew()

    def ask_again(self) -> None:
        """Get the keys, unless that was done a moment ago; waits for an answer under way.

        Raises:
            StoreUnavailable: The server could not be asked.

        """
        with self._asking:
            if since_boot() - self._asked_at >= _ASK_EVERY:
                self._asked_at, self._answered = since_boot(), False
                try:
                    self.take(self._ask())
                except grpc.RpcError as error:
                    raise StoreUnavailable("the keys could not be asked for") from error
                self._answered = True
            if not self._answered:
                raise StoreUnavailable("the keys could not be asked for")

    def _renew(self) -> None:
        keys = [key for key in self._given if not self._is_revoked(key.key_id)]
        if keys != list(self.ring):  # the same keys are the same ring: tokens stay remembered
            self.ring = KeyRing(keys)


def _read(jwk: JsonWebKey) -> VerificationKey | None:
    """Read a key; None if it is unsound, or of a kind that is not known yet."""
    members = {field.name: value for field, value in jwk.ListFields()}
    try:
        return VerificationKey.from_jwk(members)
    except ValueError as error:
        _log.warning("a key of the server was left out: %s", error)
        return None
