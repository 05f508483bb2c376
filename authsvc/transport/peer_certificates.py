"""The certificate of a peer, as gRPC tells of it once the handshake has verified it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from authsvc.domain.client_certificates import ClientCertificate

_KNOWN = 1024


def client_certificate(properties: Mapping[str, Iterable[bytes]]) -> ClientCertificate | None:
    """Read the authentication context of a call; None if the peer showed no certificate."""
    pem = next(iter(properties.get("x509_pem_cert", ())), None)
    if pem is None:
        return None
    is_resumed = b"true" in properties.get("ssl_session_reused", ())
    return ClientCertificate(
        uris=_texts(properties.get("peer_uri", ())),
        dns_names=_texts(properties.get("peer_dns", ())),
        sha256=sha256_of(pem),
        unverified_end=_end(pem) if is_resumed else None,
    )


def _texts(values: Iterable[bytes]) -> tuple[str, ...]:
    # Both are ASCII (RFC 5280, 4.2.1.6); what is not becomes a name that no service has.
    return tuple(value.decode("ascii", errors="replace") for value in values)


@lru_cache(maxsize=_KNOWN)
def sha256_of(pem: bytes) -> bytes:
    """Give the SHA-256 of the DER of a certificate (RFC 8705, 3.1).

    Raises:
        ValueError: It is none.

    """
    return x509.load_pem_x509_certificate(pem).fingerprint(SHA256())


@lru_cache(maxsize=_KNOWN)
def _end(pem: bytes) -> datetime:
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc
