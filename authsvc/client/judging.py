"""What a token is worth by what was heard of keys and revocations so far. It calls nobody."""

import time
from collections.abc import Callable, Collection
from datetime import timedelta
from math import inf

from authsvc.client.clock import since_boot
from authsvc.client.feed import Feed
from authsvc.client.keys import Keys
from authsvc.errors import InsufficientScope, StaleRevocations
from authsvc.verify.assurance import require_authentication
from authsvc.verify.binding import require_certificate
from authsvc.verify.cache import TokenCache
from authsvc.verify.claims import Claims
from authsvc.verify.verifier import TokenVerifier

Certificate = Callable[[], bytes]
"""Gives the SHA-256 of the certificate of a peer; empty for none."""


def no_certificate() -> bytes:
    """Say that the peer has shown none."""
    return b""


class Judge:
    """Judges tokens; threads may share it."""

    def __init__(
        self,
        verifier: TokenVerifier,
        tokens: TokenCache,
        *,
        keys: Keys,
        feed: Feed,
        audience: str,
        max_staleness: timedelta,
        goes_on_stale: bool,
    ) -> None:
        """Put it together.

        Args:
            verifier: Judges what tokens say.
            tokens: Reads tokens, and remembers those that it has read.
            keys: The keys, as they are heard of.
            feed: The revocations, as they are heard of.
            audience: Whom tokens are for if no other is named.
            max_staleness: The longest time without news in which all counts as known.
            goes_on_stale: Whether to judge after that, if anything was ever known.

        """
        self._verifier = verifier
        self._tokens = tokens
        self._keys = keys
        self._feed = feed
        self._audience = audience
        self._max_staleness = max_staleness.total_seconds()
        self._goes_on_stale = goes_on_stale
        self._booted_at = time.time() - since_boot()

    def judge(  # noqa: PLR0917 - arguments by name take a tenth of a check
        self,
        token: str,
        audience: str | None,
        required_scopes: Collection[str],
        max_age: timedelta | None,
        acr: str,
        certificate: Certificate,
    ) -> Claims:
        """Give the claims of an active token; for the arguments and errors see `Verifier.verify`.

        Raises:
            TokenInactive: It is not active, or its key is not known.

        """
        # The order matters: what is read after the look at the clock is at least as new.
        now = since_boot()
        if now - self._feed.heard_at > self._max_staleness:
            self._consider_staleness()
        ring = self._keys.ring
        claims = self._tokens.read(token, keys=ring)
        wall = time.time()
        steady = self._booted_at + now  # a step of the wall's clock only puts it forward
        now = max(wall, steady)
        self._verifier.judge(claims, audience=audience or self._audience, now=now)
        self._feed.index.judge(claims)
        if claims.certificate:
            require_certificate(claims, certificate())
        if max_age is not None or acr:
            require_authentication(claims, max_age=max_age, acr=acr, now=now)
        if required_scopes and not set(claims.scopes).issuperset(required_scopes):
            raise InsufficientScope
        return claims

    def _consider_staleness(self) -> None:
        if not self._goes_on_stale or self._feed.heard_at == -inf:
            raise StaleRevocations("nothing was heard of revocations for too long")
