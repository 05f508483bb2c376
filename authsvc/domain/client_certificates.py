"""Knowing a calling service by its client certificate (mutual TLS).

The handshake has verified that the peer holds the key of a certificate that a trusted CA signed.
Which service that is says a name in it: a SPIFFE ID (a URI) or a DNS name that belongs to a service
account. The common name is never looked at (RFC 9525, 2).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from authsvc.domain.clock import Clock
from authsvc.domain.service_accounts import ServiceAccount, ServiceAccountState
from authsvc.errors import CallerUnauthenticated

_SPIFFE = "spiffe:"
_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9*_.-]+")
_MOST_NAMES = 16
"""Each is looked up at every call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What a verified certificate says of its holder: its subject alternative names."""

    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    unverified_end: datetime | None
    """When it ends, if this handshake did not look: a resumed session verifies nothing anew."""

    def names(self) -> tuple[str, ...]:
        """Give the names that may belong to a service account.

        Raises:
            CallerUnauthenticated: It is a SPIFFE certificate with several URIs (X.509-SVID, 2), a
                name has characters that it can't have, or there are too many.

        """
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


class CertificateNames(Protocol):
    """Knows whom the names in certificates belong to. Fails closed: StoreUnavailable."""

    def find_by_certificate_name(self, name: str) -> ServiceAccount | None:
        """Give the service account that has this name, disabled or not, or None."""


class CertificateAuthenticator:
    """Knows a calling service by its certificate. Asks the store at every call, so that a service
    account that was disabled is dead at once, also on connections that are open.
    """

    def __init__(self, *, store: CertificateNames, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def authenticate(self, certificate: ClientCertificate) -> tuple[str, frozenset[str]] | None:
        """Give the name of the service and its scopes; None if the certificate names none.

        Raises:
            CallerUnauthenticated: The certificate has ended, names several services or one that is
                disabled, or is not as it must be.
            StoreUnavailable: It may be any.

        """
        if certificate.unverified_end is not None and certificate.unverified_end <= self._clock():
            raise CallerUnauthenticated("a resumed session whose certificate has expired")
        found = {}
        for name in certificate.names():
            service_account = self._store.find_by_certificate_name(name)
            if service_account is not None:
                found[service_account.name] = service_account
        if len(found) > 1:
            raise CallerUnauthenticated("a certificate that names several services")
        for service_account in found.values():
            if service_account.state is not ServiceAccountState.ACTIVE:
                raise CallerUnauthenticated("a certificate of a disabled service account")
            return service_account.name, frozenset(service_account.scopes)
        return None
