"""Token exchange (RFC 8693): a service passes on whom it works for, as narrowly as it can.

The new token says no more than the old one and ends with it: it keeps the session and the epoch,
names every token that it comes from, and every service that has passed it on with the credential
that it did so by. Whichever of these is revoked, every verifier refuses the new token, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from authsvc.domain.calling_service import CallingService
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.requirements import Requirements
from authsvc.domain.service_tokens import (
    certificate_to_bind,
    check_service_scopes,
    proven_service,
    session_of,
)
from authsvc.domain.token_checking import TokenChecker
from authsvc.domain.tokens import AccessToken, ExchangedGrant, TokenIssuer
from authsvc.errors import (
    FieldViolation,
    InvalidRequest,
    InvalidScope,
    TokenDefect,
    TokenInactive,
)
from authsvc.verify.claims import MAX_ACTORS, Actor, Claims
from authsvc.verify.jws import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What a token is to be exchanged for."""

    audience: str
    """Whom the new one is for; empty for the default audience."""
    scopes: tuple[str, ...]
    """Of those that the old one has."""
    ttl: timedelta | None
    """How long the new one is to live at most; None for as long as it may."""
    certificate: bytes
    """SHA-256 of the certificate that the old one came with; empty for none."""
    is_bound: bool
    """Bind the new one to the certificate of this call; done anyway if the old one is bound."""


class TokenExchange:
    """Exchanges access tokens."""

    def __init__(
        self,
        *,
        checker: TokenChecker,
        issuer: TokenIssuer,
        audience: Callable[[str], str],
        record: EventSink,
        clock: Clock,
    ) -> None:
        """Put it together.

        Args:
            checker: Checks the token that is exchanged.
            issuer: Signs.
            audience: Gives the audience for one that is asked for, or raises InvalidAudience.
            record: Where events go.
            clock: The wall clock.

        """
        self._checker = checker
        self._issuer = issuer
        self._audience = audience
        self._record = record
        self._clock = clock

    def exchange(self, call: Call, subject_token: str, wanted: Exchange) -> AccessToken:
        """Give the calling service a token to act for the subject of one that it was sent.

        Raises:
            CallerUnauthenticated: No service calls, or one that proves itself by a token alone.
            TokenInactive: The old one is not active, or was not sent to the service itself.
            InvalidAudience: Tokens are not issued for the audience, or not to this service.
            InvalidScope: The old one or the service does not have the scope.
            InvalidRequest: The old one was passed on too often, or the new one is to be bound and
                the call comes with no certificate.
            StoreUnavailable: It may be any, or there is no signing key.

        """
        service = proven_service(call)
        subject = self._subject(service, subject_token, wanted)
        audience = self._audience(wanted.audience)
        call.check_audience(audience)
        _check_scopes(service, subject, wanted)
        is_bound = wanted.is_bound or bool(subject.certificate)
        now = self._clock()
        grant = ExchangedGrant(
            subject=subject,
            subject_key=parse(subject_token).header.key_id,
            actor=Actor(service.service_account_id, service.epoch, session_of(service)),
            client_id=service.name,
            audience=audience,
            scopes=wanted.scopes,
            expire_time=_end(subject, service, wanted, now),
            certificate=certificate_to_bind(call) if is_bound else b"",
        )
        token = self._issuer.issue_exchanged(grant, now=now)
        self._record(
            call.event(
                EventType.TOKEN_EXCHANGED, subject=subject.subject, session_id=subject.session_id
            )
        )
        return token

    def _subject(self, service: CallingService, subject_token: str, wanted: Exchange) -> Claims:
        """Give what the old token says, which was sent to this service and no other."""
        claims = self._checker.decode(subject_token)
        # Not all that it may get tokens for: whoever is sent one of those could send it back, and
        # have it exchanged for what is the service's to reach (the confused deputy).
        if claims.audience not in service.own_audiences:
            raise TokenInactive(TokenDefect.AUDIENCE)
        requirements = Requirements(audience=claims.audience, certificate=wanted.certificate)
        subject = self._checker.verify(subject_token, requirements).claims
        if subject.delegation is not None and len(subject.delegation.actors) >= MAX_ACTORS:
            description = f"The token was passed on {MAX_ACTORS} times and can't be again."
            raise InvalidRequest(FieldViolation("subject_token", description))
        return subject


def _check_scopes(service: CallingService, subject: Claims, wanted: Exchange) -> None:
    check_service_scopes(service, wanted.scopes)
    for scope in wanted.scopes:
        if scope not in subject.scopes:
            raise InvalidScope(scope)


def _end(subject: Claims, service: CallingService, wanted: Exchange, now: datetime) -> datetime:
    ends = [datetime.fromtimestamp(subject.expires_at, UTC)]
    if service.expire_time is not None:
        ends.append(service.expire_time)
    if wanted.ttl is not None:
        ends.append(now + wanted.ttl)
    end = min(ends)
    if int(end.timestamp()) <= int(now.timestamp()):  # it lives on by the leeway for clocks alone
        raise TokenInactive(TokenDefect.EXPIRED)
    return end
