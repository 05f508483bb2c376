"""Knowing a calling service by its client certificate (mutual TLS).

The handshake has verified that the peer holds the key of a certificate that a trusted CA signed.
Which service that is says a name in it: a SPIFFE ID (a URI) or a DNS name that belongs to a service
account. The common name is never looked at (RFC 9525, 2).
"""

import re
from dataclasses import dataclass
from datetime import datetime

from authsvc.errors import CallerUnauthenticated

_SPIFFE = "spiffe:"
_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9*_.-]+")
_MOST_NAMES = 16
"""Each may be looked up at every call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What a verified certificate says of its holder: its subject alternative names."""

    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    sha256: bytes
    """Of its DER: what tokens can be bound to (RFC 8705, 3.1)."""
    unverified_end: datetime | None
    """When it ends, if this handshake did not look: a resumed session verifies nothing anew."""

    def names(self, now: datetime) -> tuple[str, ...]:
        """Give the names that may belong to a service account.

        Raises:
            CallerUnauthenticated: It has ended, is a SPIFFE certificate with several URIs
                (X.509-SVID, 2), a name has characters that it can't have, or there are too many.

        """
        if self.unverified_end is not None and self.unverified_end <= now:
            raise CallerUnauthenticated("a resumed session whose certificate has expired")
        is_spiffe = any(uri.lower().startswith(_SPIFFE) for uri in self.uris)
        if is_spiffe and len(self.uris) > 1:
            raise CallerUnauthenticated("a SPIFFE certificate with several URIs")
        spiffe_ids = self.uris if is_spiffe else ()
        # Of a host's name no character may make a URI of it: both are looked up in one place.
        are_names = all(map(_PRINTABLE.fullmatch, spiffe_ids)) and all(
            map(_HOST.fullmatch, self.dns_names)
        )
        if not are_names:
            raise CallerUnauthenticated("a certificate with a name that is none")
        hosts = (name.lower() for name in self.dns_names)  # RFC 4343
        found = tuple(dict.fromkeys((*spiffe_ids, *hosts)))
        if len(found) > _MOST_NAMES:
            raise CallerUnauthenticated("a certificate with too many names")
        return found
