"""The feed of revocations as a Redis stream (FeedStream)."""

from collections.abc import Sequence
from typing import Any

from authsvc.domain.clock import from_milliseconds, to_milliseconds
from authsvc.domain.revocation import Revocation
from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script
from authsvc.verify.revocations import RevocationKind

_PUBLISH = Script("publish")
_LONGEST = 1000
"""How many revocations are read at once."""


class RedisFeedStream:
    """Appends to the stream, and waits for what is new in it."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def publish(self, revocations: Sequence[Revocation]) -> None:
        """See FeedStream."""
        calls = [Call(_PUBLISH, (keys.FEED,), _fields(revocation)) for revocation in revocations]
        self._connection.run_unfenced(calls)

    def read(self, after: bytes, *, wait: float) -> tuple[Sequence[Revocation], bytes]:
        """See FeedStream. `wait` MUST be well under the connection's own bound."""
        milliseconds = max(1, int(wait * 1000))
        answer = self._connection.command(
            "XREAD", "COUNT", _LONGEST, "BLOCK", milliseconds, "STREAMS", keys.FEED, after
        )
        if not answer:
            return (), after
        [[_, entries]] = answer
        return [_revocation(fields) for _, fields in entries], entries[-1][0]


def _fields(revocation: Revocation) -> tuple[str | int, ...]:
    return (
        revocation.revision,
        revocation.kind.value,
        revocation.subject,
        revocation.epoch,
        revocation.reason,
        to_milliseconds(revocation.create_time),
        to_milliseconds(revocation.remember_until),
    )


def _revocation(fields: Sequence[Any]) -> Revocation:
    revision, kind, subject, epoch, reason, created, remember, *_ = fields[1::2]  # P-DUR-3
    return Revocation(
        revision=int(revision),
        kind=RevocationKind(kind.decode()),
        subject=subject.decode(),
        epoch=int(epoch),
        reason=reason.decode(),
        create_time=from_milliseconds(int(created)),
        remember_until=from_milliseconds(int(remember)),
    )
