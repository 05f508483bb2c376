"""What checks access tokens, put together."""

from authsvc.domain.token_checking import TokenChecker
from authsvc.foundation import Foundation
from authsvc.revoking import Revoking
from authsvc.verify.cache import TokenCache
from authsvc.verify.verifier import TokenVerifier

_CACHED_TOKENS = 20_000
"""About 50 MB of a worker's memory when full."""


def put_together(base: Foundation, revoking: Revoking) -> TokenChecker:
    """Put it together."""
    config = base.config
    verifier = TokenVerifier(
        issuer=config.issuer,
        max_lifetime=int(config.access_token_lifetime.total_seconds()),
        leeway=int(config.clock_leeway.total_seconds()),
    )
    return TokenChecker(
        verifier=verifier,
        tokens=TokenCache(verifier, capacity=_CACHED_TOKENS),
        keys=base.keys,
        replica=revoking.replica,
        marks=base.marks,
        wait_until_everywhere=revoking.acknowledgement.wait,
        head=base.journal.head,
        default_audience=config.default_audience,
        clock=base.clock,
    )
