"""What knows and looks after calling services, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc import policies
from authsvc.domain.assertions import Assertions
from authsvc.domain.callers import CallerAuthenticator
from authsvc.domain.replica import RevocationReplica
from authsvc.domain.revocation import Revoker
from authsvc.domain.service_directory import ServiceDirectory
from authsvc.domain.service_tokens import ServiceTokens
from authsvc.domain.tokens import TokenIssuer
from authsvc.duties import Duty
from authsvc.foundation import Foundation
from authsvc.stores.redis.throttles import RedisThrottle
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
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
    base: Foundation,
    *,
    replica: RevocationReplica,
    revoker: Revoker,
    issuer: TokenIssuer,
) -> Calling:
    """Put them together."""
    services = SqlServiceAccountStore(base.engine, base.outbox)
    return Calling(
        authenticator=CallerAuthenticator(
            store=services, replica=replica, clock=base.clock, steady=since_boot
        ),
        assertions=Assertions(
            store=services,
            throttle=RedisThrottle(base.redis),
            issuer=base.config.issuer,
            leeway=base.config.clock_leeway,
            clock=base.clock,
        ),
        tokens=ServiceTokens(
            issuer=issuer,
            audience=policies.grant_policy(base.config).audience,
            record=base.record,
            clock=base.clock,
        ),
        directory=ServiceDirectory(
            services=services,
            remember=revoker.remember_service,
            put_in_force=revoker.put_in_force,
            clock=base.clock,
        ),
    )
