"""TLS of the gRPC port, put together."""

from dataclasses import dataclass

import grpc

from authsvc.config import Config
from authsvc.domain.clock import Clock
from authsvc.duties import Duty
from authsvc.server_certificate import WatchedCertificate, certificate_files
from authsvc.transport.tls import server_credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypting:
    """What the port speaks TLS with, and what keeps that up to date."""

    credentials: grpc.ServerCredentials | None = None
    """None if it does not."""
    duties: tuple[Duty, ...] = ()


def put_together(config: Config, *, clock: Clock) -> Encrypting:
    """Put it together.

    Raises:
        ConfigurationError: The certificate can't be used.

    """
    files = certificate_files(config)
    if files is None:
        return Encrypting()
    certificate = WatchedCertificate(files, clock=clock)
    return Encrypting(
        credentials=server_credentials(lambda: certificate.current),
        duties=(Duty("certificate", certificate.renew, every=1),),
    )
