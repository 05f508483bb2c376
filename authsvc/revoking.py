"""What makes a revocation felt in every worker, put together."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from authsvc import policies
from authsvc.domain.acknowledgement import Acknowledgement
from authsvc.domain.clock import Clock
from authsvc.domain.feed import RevocationFeed
from authsvc.domain.follower import Follower
from authsvc.domain.replica import ReadLease, RevocationReplica
from authsvc.domain.revocation import Revoker
from authsvc.duties import Duty
from authsvc.foundation import Foundation
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.feed import RedisFeedStream
from authsvc.stores.redis.roll import RedisLeaseRoll
from authsvc.system_clock import since_boot
from authsvc.verify.revocations import RevocationIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoking:
    """The parts, of which each knows only those that it needs."""

    replica: RevocationReplica
    follower: Follower
    acknowledgement: Acknowledgement
    revoker: Revoker
    index: RevocationIndex
    redis: RedisConnection
    clock: Clock

    def is_answering(self) -> None:
        """Return if it can be known what was revoked.

        Raises:
            StoreUnavailable: There is neither a read lease nor Redis.

        """
        if not self.replica.lease.holds():
            self.redis.ping()

    def duties(self) -> Sequence[Duty]:
        """What has to be done again and again."""
        return (
            Duty("revocation feed", self.follower.step, every=0),
            Duty("unpublished revocations", self.revoker.publish_the_rest, every=1),
            Duty(
                "ended revocations", lambda: self.index.forget(self.clock().timestamp()), every=60
            ),
        )


def put_together(
    base: Foundation,
) -> Revoking:
    """Put the parts together; nothing happens before the first duty."""
    roll = RedisLeaseRoll(base.redis)
    stream = RedisFeedStream(base.redis)
    acknowledgement = Acknowledgement(
        roll=roll,
        lease=base.config.read_lease,
        steady=since_boot,
        pause=time.sleep,
        span=base.span,
    )
    index = RevocationIndex()
    replica = RevocationReplica(
        index=index,
        feed=RevocationFeed(),
        lease=ReadLease(base.config.read_lease, steady=since_boot),
        reload_keys=base.keys.reload,
    )
    return Revoking(
        replica=replica,
        follower=Follower(
            replica=replica,
            journal=base.journal,
            marks=base.marks,
            stream=stream,
            roll=roll,
            acknowledgement=acknowledgement,
            restored=lambda: base.fence.restored,
            lease=base.config.read_lease,
            clock=base.clock,
            steady=since_boot,
        ),
        acknowledgement=acknowledgement,
        revoker=Revoker(
            journal=base.journal,
            marks=base.marks,
            lifetimes=policies.lifetimes(base.config),
            clock=base.clock,
            publish=stream.publish,
            wait_until_everywhere=acknowledgement.wait,
            known=lambda: replica.revision,
        ),
        index=index,
        redis=base.redis,
        clock=base.clock,
    )
