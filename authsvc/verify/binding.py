"""Tokens that are bound to a client certificate (RFC 8705, 3)."""

import hmac

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims


def require_certificate(claims: Claims, shown: bytes) -> None:
    """Let a token pass that is not bound, or bound to the certificate that was shown.

    Args:
        claims: Of an authentic token.
        shown: SHA-256 of the DER of the certificate with which the peer has proven itself on the
            connection that the token came by; empty for none.

    Raises:
        TokenInactive: CERTIFICATE.

    """
    if claims.certificate and not hmac.compare_digest(claims.certificate, shown):
        raise TokenInactive(TokenDefect.CERTIFICATE)
