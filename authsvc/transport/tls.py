"""TLS of the gRPC port: 1.2 and newer with the ciphers of gRPC's library, for HTTP/2 alone."""

from collections.abc import Callable

import grpc

from authsvc.server_certificate import ServerCertificate


def server_credentials(current: Callable[[], ServerCertificate]) -> grpc.ServerCredentials:
    """Give credentials that show each new connection the certificate that is current then.

    Connections that are open keep what they began with. Whether clients must show a certificate is
    decided here once; whose certificates are believed may change with the certificate.
    """
    offered = current()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal offered  # the library asks under a lock of its own
        newest = current()
        if newest is offered:
            return None
        offered = newest
        return _configuration(newest)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(offered),
        changed,  # type: ignore[arg-type]  # the stubs do not know that it may give None
        require_client_authentication=offered.client_ca is not None,
    )


def _configuration(certificate: ServerCertificate) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificate.key, certificate.chain)], root_certificates=certificate.client_ca
    )
