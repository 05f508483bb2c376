"""Who calls: from a peer and its metadata to a `Call`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol
from urllib.parse import unquote

from authsvc.domain.calls import PUBLIC_CLIENT, Call
from authsvc.domain.client_certificates import ClientCertificate
from authsvc.errors import CallerUnauthenticated, TokenDefect, TokenInactive
from authsvc.verify.claims import Claims

API_KEY = "x-authsvc-api-key"
AUTHORIZATION = "authorization"
DEVELOPMENT_CLIENT = "dev"
"""The client id of a loopback peer in dev mode, which counts as a service with every scope."""

_BEARER = "bearer "
_MAPPED = "::ffff:"
"""Before an IPv4 address that came in by a port for both (RFC 4291, 2.5.5.2)."""


class ApiKeys(Protocol):
    """Knows the services that call by API key."""

    def authenticate(self, api_key: str) -> tuple[str, frozenset[str]]:
        """Give the name of the service and its scopes.

        Raises:
            CallerUnauthenticated: The key is not valid.

        """


class Certificates(Protocol):
    """Knows the services that call by client certificate."""

    def authenticate(self, certificate: ClientCertificate) -> tuple[str, frozenset[str]] | None:
        """Give the name of the service and its scopes; None if the certificate names none.

        Raises:
            CallerUnauthenticated: It names one that may not call, or several.

        """


class Callers:
    """Finds out who calls."""

    def __init__(
        self,
        *,
        api_keys: ApiKeys,
        certificates: Certificates | None = None,
        verify: Callable[[str], Claims],
        trust_loopback: bool,
        require_caller: bool,
    ) -> None:
        """Take what knows them; `certificates` is None where none can be shown."""
        self._api_keys = api_keys
        self._certificates = certificates
        self._verify = verify
        self._trust_loopback = trust_loopback
        self._require_caller = require_caller

    @property
    def know_certificates(self) -> bool:
        """Whether a certificate says anything about who calls."""
        return self._certificates is not None

    def identify(
        self,
        peer: str,
        metadata: Mapping[str, str],
        *,
        certificate: ClientCertificate | None,
        time_left: Callable[[], timedelta],
    ) -> tuple[Call, bool]:
        """Give the call, and whether a calling service was authenticated.

        Raises:
            CallerUnauthenticated: A certificate or key that is not valid, both of different
                services, or no caller where one is required.
            TokenInactive: The access token is not active.

        """
        address = peer_address(peer)
        client_id, scopes, is_service = self._service(address, certificate, metadata.get(API_KEY))
        if self._require_caller and not is_service:
            raise CallerUnauthenticated
        call = Call(
            client_id=client_id,
            client_scopes=scopes,
            peer=address,
            time_left=time_left,
            claims=self._claims(metadata.get(AUTHORIZATION)),
        )
        return call, is_service

    def _service(
        self, address: str, certificate: ClientCertificate | None, api_key: str | None
    ) -> tuple[str, frozenset[str] | None, bool]:
        by_certificate = None
        if certificate is not None and self._certificates is not None:
            by_certificate = self._certificates.authenticate(certificate)
        by_key = None if api_key is None else self._api_keys.authenticate(api_key)
        if by_certificate and by_key and by_certificate[0] != by_key[0]:
            raise CallerUnauthenticated("two credentials at once, of two services")
        proven = by_certificate or by_key
        if proven:
            return *proven, True
        if self._trust_loopback and is_loopback(address):
            return DEVELOPMENT_CLIENT, None, True
        return PUBLIC_CLIENT, frozenset(), False

    def _claims(self, authorization: str | None) -> Claims | None:
        if authorization is None:
            return None
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise TokenInactive(TokenDefect.MALFORMED)
        return self._verify(authorization[len(_BEARER) :])


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
