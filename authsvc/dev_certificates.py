"""Certificates to try TLS with: a CA of their own, a server on loopback, and clients.

The CA's key is never written: nobody can add to what was made, and it all ends soon.
"""

import ipaddress
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

LIFETIME = timedelta(days=30)
TRUST_DOMAIN = "dev.localhost"

_SKEW = timedelta(minutes=5)
_LOOPBACK = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


def spiffe_id(name: str) -> str:
    """Give the SPIFFE ID in the certificate of a client."""
    return f"spiffe://{TRUST_DOMAIN}/{name}"


def make(clients: Iterable[str], *, now: datetime) -> Mapping[str, bytes]:
    """Make all, and give the content of each file by its name."""
    authority = _Authority(now)
    files = {"ca.pem": authority.certificate}
    files |= authority.issue("server", _LOOPBACK, ExtendedKeyUsageOID.SERVER_AUTH)
    for name in clients:
        names = [x509.UniformResourceIdentifier(spiffe_id(name))]
        files |= authority.issue(name, names, ExtendedKeyUsageOID.CLIENT_AUTH)
    return files


def write(files: Mapping[str, bytes], directory: Path) -> None:
    """Write files for this user alone; one that is there is replaced as a whole.

    Raises:
        OSError: The directory can't be written to.

    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        descriptor, temporary = tempfile.mkstemp(dir=directory)  # with mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(directory / name)


class _Authority:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("authsvc development CA")
        usage = x509.KeyUsage(
            key_cert_sign=True,
            crl_sign=True,
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = self._sign(
            self._name,
            self._key.public_key(),
            lambda builder: builder.add_extension(
                x509.BasicConstraints(ca=True, path_length=0), critical=True
            ).add_extension(usage, critical=True),
        )

    def issue(
        self, name: str, names: Iterable[x509.GeneralName], usage: ObjectIdentifier
    ) -> dict[str, bytes]:
        """Make a certificate and its key, by the names of their files."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _named(name),
            key.public_key(),
            lambda builder: (
                builder.add_extension(
                    x509.BasicConstraints(ca=False, path_length=None), critical=True
                )
                .add_extension(x509.SubjectAlternativeName(names), critical=False)
                .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            ),
        )
        return {
            f"{name}.pem": certificate,
            f"{name}-key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        }

    def _sign(
        self,
        subject: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        extend: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _SKEW)
            .not_valid_after(self._now + LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        return extend(builder).sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
