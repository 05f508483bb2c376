"""Access tokens for services that speak for themselves (RFC 6749, 4.4; RFC 9068)."""

from collections.abc import Callable, Sequence

from authsvc.domain.calling_service import CallingService, Proof
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grant_policy import MAX_SCOPE_CHARACTERS
from authsvc.domain.identifiers import SessionId, account_partition, new_session_id
from authsvc.domain.tokens import AccessToken, ServiceGrant, TokenIssuer
from authsvc.errors import CallerUnauthenticated, FieldViolation, InvalidRequest, InvalidScope

_KEY_HELD = ("pop",)
"""Possession of a key was proven (RFC 8176); for a secret that is shown there is no word."""


class ServiceTokens:
    """Issues tokens to services."""

    def __init__(
        self,
        *,
        issuer: TokenIssuer,
        audience: Callable[[str], str],
        record: EventSink,
        clock: Clock,
    ) -> None:
        """Put it together.

        Args:
            issuer: Signs.
            audience: Gives the audience for one that is asked for, or raises InvalidAudience.
            record: Where events go.
            clock: The wall clock.

        """
        self._issuer = issuer
        self._audience = audience
        self._record = record
        self._clock = clock

    def issue(
        self, call: Call, *, audience: str, scopes: Sequence[str], is_bound: bool = False
    ) -> AccessToken:
        """Give the calling service a token of its own.

        Raises:
            CallerUnauthenticated: No service calls, or one that proves itself by a token alone: a
                token must not live on by making others.
            InvalidAudience: Tokens are not issued for the audience, or not to this service.
            InvalidScope: The service does not have the scope, or has not by this credential.
            InvalidRequest: It is to be bound to a certificate, and the call comes with none.
            StoreUnavailable: There is no signing key.

        """
        service = proven_service(call)
        granted_audience = self._audience(audience)
        call.check_audience(granted_audience)
        check_service_scopes(service, scopes)
        session_id = session_of(service)
        token = self._issuer.issue_to_service(
            ServiceGrant(
                service_account_id=service.service_account_id,
                name=service.name,
                session_id=session_id,
                audience=granted_audience,
                scopes=tuple(scopes),
                amr=() if service.proofs <= {Proof.API_KEY, Proof.TOKEN} else _KEY_HELD,
                epoch=service.epoch,
                expire_time=service.expire_time,
                certificate=certificate_to_bind(call) if is_bound else b"",
            ),
            now=self._clock(),
        )
        self._record(
            call.event(
                EventType.SERVICE_TOKEN_ISSUED,
                subject=service.service_account_id,
                session_id=session_id,
            )
        )
        return token


def proven_service(call: Call) -> CallingService:
    """Give the calling service, if it has shown more than a token.

    Raises:
        CallerUnauthenticated: It has not: a token must not live on by making others.

    """
    service = call.service
    if service is None or service.proofs == {Proof.TOKEN}:
        detail = "no credential from which a token may be made"
        raise CallerUnauthenticated(detail)
    return service


def session_of(service: CallingService) -> SessionId:
    """Give the `sid` for what a service gets by its credentials: it ends with them."""
    return service.session_id or new_session_id(account_partition(service.service_account_id))


def certificate_to_bind(call: Call) -> bytes:
    """Give the SHA-256 of the certificate that a token of this call can be bound to.

    Raises:
        InvalidRequest: The call comes with none.

    """
    if not call.certificate:
        description = "The call comes with no client certificate that a token could be bound to."
        raise InvalidRequest(FieldViolation("bind_to_certificate", description))
    return call.certificate


def check_service_scopes(service: CallingService, scopes: Sequence[str]) -> None:
    """Let a service have scopes in a token.

    Raises:
        InvalidScope: It does not have one of them, or has not by this credential.

    """
    if len(" ".join(scopes)) > MAX_SCOPE_CHARACTERS:
        detail = "too long together"
        raise InvalidScope(detail)
    for scope in scopes:
        if scope not in service.scopes:
            raise InvalidScope(scope)
