"""CAs and certificates that a test makes for itself."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

DAY = timedelta(days=1)
LOOPBACK = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)


def spiffe(name: str) -> x509.GeneralName:
    """Give a SPIFFE ID as a name in a certificate."""
    return x509.UniformResourceIdentifier(f"spiffe://test.example/{name}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: Path, name: str = "server") -> tuple[Path, Path]:
        """Put both in files, the key for this user alone."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}-key.pem"
        certificate.write_bytes(self.certificate)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """A CA."""

    def __init__(self, name: str = "test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key())
        self._certificate = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ).sign(self._key, hashes.SHA256())
        self.certificate = self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        *names: x509.GeneralName,
        begin: timedelta = -DAY,
        end: timedelta = DAY,
        key: Any = None,
        usage: Sequence[ObjectIdentifier] = (),
    ) -> Pair:
        """Make a certificate, valid from `begin` to `end` from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders")])
        builder = _builder(subject, self._name, key.public_key(), begin=begin, end=end)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def server(self, **changes: Any) -> Pair:
        """Make a certificate for a server on loopback."""
        return self.issue(*LOOPBACK, usage=(ExtendedKeyUsageOID.SERVER_AUTH,), **changes)

    def client(self, *names: x509.GeneralName, **changes: Any) -> Pair:
        """Make a certificate for a client."""
        return self.issue(*names, usage=(ExtendedKeyUsageOID.CLIENT_AUTH,), **changes)

    def trusted(self, client: Pair | None = None) -> grpc.ChannelCredentials:
        """Give the credentials of a client that trusts this CA."""
        if client is None:
            return grpc.ssl_channel_credentials(self.certificate)
        return grpc.ssl_channel_credentials(self.certificate, client.key, client.certificate)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: Any,
    *,
    begin: timedelta = -DAY,
    end: timedelta = DAY,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + end)
    )
