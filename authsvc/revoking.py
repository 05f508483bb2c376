"""What makes a revocation felt in every worker, put together."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from authsvc import policies
from authsvc.config import Config
from authsvc.domain.acknowledgement import Acknowledgement
from authsvc.domain.clock import Clock
from authsvc.domain.feed import RevocationFeed
from authsvc.domain.fence import FenceKeeper
from authsvc.domain.follower import Follower
from authsvc.domain.keys import Keys
from authsvc.domain.replica import ReadLease, RevocationReplica
from authsvc.domain.revocation import RevocationJournal, RevocationMarks, Revoker
from authsvc.duties import Duty
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

    def _forget(self) -> None:
        self.index.forget(self.clock().timestamp())


def put_together(
    config: Config,
    *,
    redis: RedisConnection,
    journal: RevocationJournal,
    marks: RevocationMarks,
    keys: Keys,
    fence: FenceKeeper,
    clock: Clock,
) -> Revoking:
    """Put the parts together; nothing happens before the first duty."""
    roll = RedisLeaseRoll(redis)
    stream = RedisFeedStream(redis)
    acknowledgement = Acknowledgement(
        roll=roll, lease=config.read_lease, steady=since_boot, pause=time.sleep
    )
    index = RevocationIndex()
    replica = RevocationReplica(
        index=index,
        feed=RevocationFeed(),
        lease=ReadLease(config.read_lease, steady=since_boot),
        reload_keys=keys.reload,
    )
    return Revoking(
        replica=replica,
        follower=Follower(
            replica=replica,
            journal=journal,
            marks=marks,
            stream=stream,
            roll=roll,
            acknowledgement=acknowledgement,
            restored=lambda: fence.restored,
            lease=config.read_lease,
            clock=clock,
            steady=since_boot,
        ),
        acknowledgement=acknowledgement,
        revoker=Revoker(
            journal=journal,
            marks=marks,
            lifetimes=policies.lifetimes(config),
            clock=clock,
            publish=stream.publish,
            wait_until_everywhere=acknowledgement.wait,
            known=lambda: replica.revision,
        ),
        index=index,
        redis=redis,
        clock=clock,
    )
