"""What knows and looks after calling services, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.config import Config
from authsvc.domain.assertions import Assertions
from authsvc.domain.callers import CallerAuthenticator
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink
from authsvc.domain.grants import GrantPolicy
from authsvc.domain.replica import RevocationReplica
from authsvc.domain.revocation import Revoker
from authsvc.domain.service_accounts import ServiceAccountStore
from authsvc.domain.service_directory import ServiceDirectory
from authsvc.domain.service_tokens import ServiceTokens
from authsvc.domain.throttling import Throttle
from authsvc.domain.tokens import TokenIssuer
from authsvc.duties import Duty
from authsvc.system_clock import since_boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """The parts, of which each knows only those that it needs."""

    authenticator: CallerAuthenticator
    assertions: Assertions
    tokens: ServiceTokens
    directory: ServiceDirectory

    def duties(self) -> Sequence[Duty]:
        """What has to be done again and again."""
        return (Duty("last uses of keys", self.authenticator.write_uses, every=60),)


def put_together(
    config: Config,
    *,
    services: ServiceAccountStore,
    throttle: Throttle,
    replica: RevocationReplica,
    revoker: Revoker,
    issuer: TokenIssuer,
    policy: GrantPolicy,
    record: EventSink,
    clock: Clock,
) -> Calling:
    """Put them together."""
    return Calling(
        authenticator=CallerAuthenticator(
            store=services, replica=replica, clock=clock, steady=since_boot
        ),
        assertions=Assertions(
            store=services,
            throttle=throttle,
            issuer=config.issuer,
            leeway=config.clock_leeway,
            clock=clock,
        ),
        tokens=ServiceTokens(issuer=issuer, audience=policy.audience, record=record, clock=clock),
        directory=ServiceDirectory(
            services=services,
            remember=revoker.remember_service,
            put_in_force=revoker.put_in_force,
            record=record,
            clock=clock,
        ),
    )
