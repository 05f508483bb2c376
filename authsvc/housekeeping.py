"""What has to be done again and again in a worker, put together."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from authsvc.answering import Parts
from authsvc.attempting import Attempting
from authsvc.duties import NEEDS, Duties, Duty, HealthCheck
from authsvc.encrypting import Encrypting
from authsvc.foundation import Foundation
from authsvc.relaying import Relaying
from authsvc.revoking import Revoking
from authsvc.stores.redis.leases import RedisLease
from authsvc.stores.sql.transactions import ping as ping_sql

_LEASE = timedelta(seconds=60)


def duties(
    base: Foundation,
    parts: Parts,
    *,
    revoking: Revoking,
    attempting: Attempting,
    encrypting: Encrypting,
    relaying: Relaying,
) -> Duties:
    """Put them together."""
    probe = HealthCheck(needs=NEEDS, update=parts.watching.health.update).probe
    return Duties(
        Duty("health of sql", partial(probe, "sql", partial(ping_sql, base.engine)), every=1),
        Duty("health of redis", partial(probe, "redis", base.redis.ping), every=1),
        Duty(
            "health of revocations", partial(probe, "revocations", revoking.is_answering), every=1
        ),
        *revoking.duties(),
        *parts.services.duties(),
        Duty("keys", base.keys.reload, every=5),
        *parts.watching.duties(),
        *encrypting.duties,
        *relaying.duties(),
        Duty("housekeeping", _housekeeping(base, parts, attempting, relaying), every=30),
    )


def _housekeeping(
    base: Foundation, parts: Parts, attempting: Attempting, relaying: Relaying
) -> Callable[[], None]:
    """Give what one worker does for all, under a lease."""
    lease = RedisLease(base.redis, "housekeeping", _LEASE)

    def keep_house() -> None:
        if not lease.acquire():
            return
        now = base.clock()
        base.keys.rotate_if_due()
        base.keys.forget_expired()
        base.journal.purge(now)
        relaying.forget_events(older_than=now - base.config.event_retention)
        attempting.forget_old()
        parts.factors.totp_store.purge(now)
        parts.proving.codes.purge()
        parts.proving.kind_store.purge()

    return keep_house
