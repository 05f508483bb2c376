"""The certificate that the gRPC port shows, and the CAs whose client certificates it believes.

Nothing is offered to a client that was not read and checked first: the files may be written while
they are read, and a certificate without its key, or after its end, would fail every handshake.
"""

import os
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning

from authsvc import telemetry
from authsvc.config import Config, ConfigurationError
from authsvc.domain.clock import Clock

_LEAST_RSA_BITS = 2048
_CURVES = ("secp256r1", "secp384r1")
_KINDS = "RSA with at least 2048 bits, or ECDSA on P-256 or P-384"
"""What all clients of gRPC agree to; its library refuses Ed25519 and P-521."""

_CERT, _KEY, _CLIENT_CA = "AUTHSVC_TLS_CERT", "AUTHSVC_TLS_KEY", "AUTHSVC_TLS_CLIENT_CA"

_BEGIN = b"-----BEGIN CERTIFICATE-----"

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_Read = TypeVar("_Read")

_log = telemetry.get_logger("authsvc.tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """A certificate with its key, which belong together. All are PEM."""

    chain: bytes
    """The certificate, then those that lead to its CA."""
    key: bytes = field(repr=False)
    client_ca: bytes | None
    """Whoever calls must have a certificate of one of these; None asks for none."""
    start_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where they stand."""

    chain: Path
    key: Path
    client_ca: Path | None
    key_must_be_private: bool
    """Whether a key that other users can read is refused."""

    def read(self, now: datetime) -> ServerCertificate:
        """Read and check all.

        Raises:
            ConfigurationError: They can't be used; every fault is named, and no key.

        """
        faults: list[str] = []
        chain = _gather(lambda: _read_certificates(_CERT, self.chain), faults)
        key = _gather(lambda: _read_key(self.key, must_be_private=self.key_must_be_private), faults)
        cas = None
        if self.client_ca is not None:
            client_ca = self.client_ca
            cas = _gather(lambda: _read_certificates(_CLIENT_CA, client_ca), faults)
        if chain:
            faults += _time_faults(self.chain, chain[0], now)
        if chain and key and not _belong_together(key, chain[0]):
            faults.append(f"{_KEY}: {self.key} is not the key of the certificate in {_CERT}.")
        if faults or chain is None or key is None:
            raise ConfigurationError(*faults)
        # What is handed on is what was checked, not what the files may hold by now.
        return ServerCertificate(
            chain=_pem(chain),
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            client_ca=_pem(cas) if cas else None,
            start_time=chain[0].not_valid_before_utc,
            end_time=chain[0].not_valid_after_utc,
        )

    def stamp(self) -> tuple[object, ...]:
        """Give what is another once a file was written or replaced."""
        paths = (self.chain, self.key, self.client_ca)
        return tuple(_stamp(path) for path in paths if path is not None)


def certificate_files(config: Config) -> CertificateFiles | None:
    """Give the files that a configuration names; None if it asks for no TLS."""
    if config.tls_cert is None or config.tls_key is None:
        return None
    return CertificateFiles(
        chain=config.tls_cert,
        key=config.tls_key,
        client_ca=config.tls_client_ca,
        key_must_be_private=config.mode == "production",
    )


class WatchedCertificate:
    """The newest certificate that was good. Renewed by one thread, read by any."""

    def __init__(self, files: CertificateFiles, *, clock: Clock) -> None:
        """Read the files.

        Raises:
            ConfigurationError: They can't be used.

        """
        self._files = files
        self._clock = clock
        self._stamp = files.stamp()
        self._faults: tuple[str, ...] = ()
        self._end_is_told = False
        self.current = files.read(clock())

    def renew(self) -> None:
        """Take what the files hold now if it has changed and is good. Looks at times only, else."""
        now = self._clock()
        stamp = self._files.stamp()
        # What was not good is read again each time: it may only have been too early for it.
        if stamp != self._stamp or self._faults:
            self._take(stamp, now)
        if now >= self.current.end_time and not self._end_is_told:
            self._end_is_told = True
            _log.error("certificate has expired", end_time=self.current.end_time.isoformat())

    def _take(self, stamp: tuple[object, ...], now: datetime) -> None:
        try:
            self.current = self._files.read(now)
        except ConfigurationError as error:
            if error.faults != self._faults:  # said once: it may stay so for days
                _log.error("certificate not reloaded", faults=list(error.faults))
            self._faults = error.faults
        else:
            _log.info("certificate reloaded", end_time=self.current.end_time.isoformat())
            self._faults = ()
            self._end_is_told = False
        self._stamp = stamp


def _gather(read: Callable[[], _Read], faults: list[str]) -> _Read | None:
    try:
        return read()
    except ConfigurationError as error:
        faults += error.faults
        return None


def _read_certificates(setting: str, path: Path) -> list[x509.Certificate]:
    text, _ = _read(setting, path)
    try:
        with warnings.catch_warnings():  # of what RFC 5280 forbids, and a later parser refuses
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            certificates = x509.load_pem_x509_certificates(text)
    except (ValueError, x509.InvalidVersion, CryptographyDeprecationWarning):
        raise ConfigurationError(f"{setting}: {path} holds no certificate in PEM.") from None
    if len(certificates) != text.count(_BEGIN):  # the parser passes over what has no end
        raise ConfigurationError(f"{setting}: {path} was cut off. Write it anew.")
    return certificates


def _read_key(path: Path, *, must_be_private: bool) -> _Key:
    text, state = _read(_KEY, path)
    if must_be_private and _is_open_to_others(state):
        raise ConfigurationError(f"{_KEY}: {path} is open to other users. Run: chmod go-rwx {path}")
    try:
        key = load_pem_private_key(text, password=None)
    except TypeError:
        raise ConfigurationError(
            f"{_KEY}: {path} is encrypted with a passphrase. Give the key without one."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{_KEY}: {path} holds no private key in PEM.") from None
    return _suitable(path, key)


def _suitable(path: Path, key: PrivateKeyTypes) -> _Key:
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise ConfigurationError(f"{_KEY}: {path} is not a key of a usable kind. Use {_KINDS}.")


def _read(setting: str, path: Path) -> tuple[bytes, os.stat_result]:
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno())
    except OSError as error:
        raise ConfigurationError(f"{setting}: can't read {path}: {error.strerror}.") from None


def _belong_together(key: _Key, certificate: x509.Certificate) -> bool:
    try:
        return key.public_key() == certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # the certificate's is of a kind that nobody knows
        return False


def _time_faults(path: Path, certificate: x509.Certificate, now: datetime) -> list[str]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= end:
        return [f"{_CERT}: the certificate in {path} expired at {end.isoformat()}. Renew it."]
    if now < begin:
        since = begin.isoformat()
        return [f"{_CERT}: the certificate in {path} is not valid before {since}. Wait for that."]
    return []


def _is_open_to_others(found: os.stat_result) -> bool:
    """Say whether other users can read or change a file.

    Its group may read one that belongs to root: so secrets are mounted for a user without rights.
    """
    by_root_for_a_group = found.st_uid == 0 and os.geteuid() != 0
    allowed = stat.S_IRWXU | (stat.S_IRGRP if by_root_for_a_group else 0)
    return bool(stat.S_IMODE(found.st_mode) & ~allowed)


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
