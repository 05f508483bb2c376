"""What a verifier tells of its work, for whatever counts it."""

from authsvc.errors import AuthError


class Observer:
    """Is told what happens; override what is of interest. No method may raise or block.

    Staleness is no event: read `Verifier.staleness` when metrics are collected.
    """

    def verified(self) -> None:
        """Hear that a token was found active."""

    def refused(self, error: AuthError) -> None:
        """Hear that one was not, or could not be checked: then it is a `RetryableError`."""

    def disconnected(self, stream: str, cause: str) -> None:
        """Hear that `revocations` or `keys` broke, and why; it is opened again by itself."""
