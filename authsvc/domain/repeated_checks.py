"""Checks of tokens that are asked for again in the same words, as most are.

What the words meant is remembered, so that they are read once. Whether the token is still active is
judged each time.
"""

from collections.abc import Callable

from authsvc.domain.calls import Call
from authsvc.domain.requirements import Requirements
from authsvc.domain.token_checking import KnownToken, Verdict
from authsvc.domain.verification import Verification
from authsvc.verify.recent import Recent

_CAPACITY = 20_000
"""Requests at most, a few hundred bytes each."""


class RepeatedChecks:
    """Checks tokens; threads may share it."""

    def __init__(self, verification: Verification) -> None:
        self._verification = verification
        self._known: Recent[bytes, KnownToken] = Recent(_CAPACITY)

    def verify(
        self, call: Call, digest: bytes, read: Callable[[], tuple[str, Requirements]]
    ) -> Verdict:
        """Check an access token as `Verification.verify` does, with the same errors.

        Args:
            call: Who asks.
            digest: The SHA-256 of all that was asked (P-TOK-7).
            read: Gives the token and what it must meet.

        """
        known = self._known.find(digest)
        if known is not None:
            verdict = self._verification.verify_again(call, known)
            if verdict is not None:
                return verdict
        access_token, requirements = read()
        verdict = self._verification.verify(call, access_token, requirements)
        if verdict.ring is not None:
            known = KnownToken(verdict.claims, verdict.ring, requirements)
            self._known.keep(digest, known)
        return verdict
