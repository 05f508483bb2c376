"""Who calls: from a peer and its metadata to a `Call`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote

from authsvc.domain.calling_service import CallingService, united
from authsvc.domain.calls import PUBLIC_CLIENT, Call
from authsvc.domain.client_certificates import ClientCertificate
from authsvc.domain.identifiers import is_service_account_id
from authsvc.domain.service_directory import DEVELOPMENT_CLIENT
from authsvc.errors import CallerUnauthenticated, TokenDefect, TokenInactive
from authsvc.verify.claims import Claims

API_KEY = "x-authsvc-api-key"
AUTHORIZATION = "authorization"

_BEARER = "bearer "
_NOTHING: frozenset[str] = frozenset()
_MAPPED = "::ffff:"
"""Before an IPv4 address that came in by a port for both (RFC 4291, 2.5.5.2)."""


class Services(Protocol):
    """Knows calling services by what they prove, or raises CallerUnauthenticated."""

    def by_api_key(self, api_key: str) -> CallingService:
        """Know a service by its API key."""

    def by_certificate(self, certificate: ClientCertificate) -> CallingService | None:
        """Know a service by its client certificate; None if that names none."""

    def by_token(self, claims: Claims) -> CallingService:
        """Know a service by its active access token."""


class Callers:
    """Finds out who calls."""

    def __init__(
        self,
        *,
        services: Services,
        verify_assertion: Callable[[str], CallingService],
        verify: Callable[[str, bytes], Claims],
        trust_loopback: bool,
        require_caller: bool,
        with_certificates: bool = False,
    ) -> None:
        """Put it together.

        Args:
            services: Knows services by their credentials.
            verify_assertion: Knows a service by its client assertion, once.
            verify: Gives the claims of an active access token that came with a certificate, whose
                SHA-256 is given, or with none.
            trust_loopback: Take loopback peers without a credential for a service with every scope.
            require_caller: Refuse calls of which no calling service is known.
            with_certificates: Whether peers show client certificates.

        """
        self._services = services
        self._verify_assertion = verify_assertion
        self._verify = verify
        self._trust_loopback = trust_loopback
        self._require_caller = require_caller
        self.with_certificates = with_certificates

    def identify(
        self,
        peer: str,
        metadata: Mapping[str, str],
        *,
        time_left: Callable[[], timedelta],
        correlation_id: str = "",
        traceparent: str = "",
        certificate: ClientCertificate | None = None,
        assertion: str = "",
    ) -> tuple[Call, bool]:
        """Give the call, and whether a calling service was authenticated.

        All credentials that come along must be good, and those of services be of one service,
        which may then do what each of them allows.

        Raises:
            CallerUnauthenticated: A credential of a service that is not valid, or no caller where
                one is required.
            TokenInactive: The access token is not active.

        """
        address = peer_address(peer)
        service = self._proven(metadata, certificate, assertion)
        is_trusted = self._trust_loopback and is_loopback(address)
        shown = b"" if certificate is None else certificate.sha256
        claims = self._claims(metadata, shown, is_known=service is not None or is_trusted)
        if claims is not None and is_service_account_id(claims.subject):
            service = united(service, self._services.by_token(claims))
            claims = None  # a service never acts as an account
        if service is not None:
            client_id, scopes = service.name, service.scopes
        elif is_trusted:
            client_id, scopes = DEVELOPMENT_CLIENT, None
        elif self._require_caller:
            raise CallerUnauthenticated
        else:
            client_id, scopes = PUBLIC_CLIENT, _NOTHING
        call = Call(
            client_id=client_id,
            client_scopes=scopes,
            peer=address,
            time_left=time_left,
            correlation_id=correlation_id,
            traceparent=traceparent,
            claims=claims,
            service=service,
            certificate=shown,
        )
        return call, service is not None or is_trusted

    def _proven(
        self, metadata: Mapping[str, str], certificate: ClientCertificate | None, assertion: str
    ) -> CallingService | None:
        """Give the service that the credentials prove, but for access tokens."""
        service = None if certificate is None else self._services.by_certificate(certificate)
        api_key = metadata.get(API_KEY)
        if api_key is not None:
            service = united(service, self._services.by_api_key(api_key))
        if assertion:
            service = united(service, self._verify_assertion(assertion))
        return service

    def _claims(
        self, metadata: Mapping[str, str], certificate: bytes, *, is_known: bool
    ) -> Claims | None:
        authorization = metadata.get(AUTHORIZATION)
        if authorization is None:
            return None
        is_bearer = authorization[: len(_BEARER)].lower() == _BEARER
        try:
            return self._own(authorization[len(_BEARER) :] if is_bearer else "", certificate)
        except TokenInactive:
            if self._require_caller and not is_known:
                raise CallerUnauthenticated from None  # nobody learns what a token is worth
            raise

    def _own(self, access_token: str, certificate: bytes) -> Claims:
        """Give the claims of a token by which its subject itself calls.

        Who was passed a token may do with it what the subject's services do, and is not the
        subject: it changes no password and opens no session (P-MFA-3).
        """
        claims = self._verify(access_token, certificate)
        if claims.actor:
            raise TokenInactive(TokenDefect.DELEGATION)
        return claims


@lru_cache(maxsize=4096)  # a peer is a connection, of many calls
def peer_address(peer: str) -> str:
    """Give the address in gRPC's name of a peer: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = unquote(peer).partition(":")
    if kind == "ipv4":
        return rest.rpartition(":")[0]
    if kind == "ipv6":
        address = rest.rpartition(":")[0].strip("[]")
        return address.removeprefix(_MAPPED) if "." in address else address
    return kind


def is_loopback(address: str) -> bool:
    """Say whether an address is of this machine only."""
    return address.startswith("127.") or address in ("::1", "unix")
