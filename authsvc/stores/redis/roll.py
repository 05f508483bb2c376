"""The roll in Redis (LeaseRoll): a hash, good only on the server that it was founded on.

Every script compares the server's own run id and replication id with those in the hash, so that a
roll that came back from a disk or on a replica is none.
"""

import secrets

from authsvc.domain.roll import Enrolment, Member, Roll
from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script

_ENROL = Script("enrol")
_RENEW = Script("renew")
_LOOK = Script("look")
_STRIKE = Script("strike")
_SIGN_OFF = Script("sign_off")

_MEMBER = b"m"
"""Begins the name of a member's field; the others are `server`, `book` and `settled`."""


class RedisLeaseRoll:
    """Keeps the roll with one script each."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def enrol(self, member: bytes) -> Enrolment:
        """See LeaseRoll."""
        book, feed_end = self._connection.run(
            Call(
                _ENROL,
                (keys.FEED_FENCE, keys.ROLL, keys.FEED),
                (_MEMBER + member, secrets.token_bytes(16)),
            )
        )
        return Enrolment(book=book, feed_end=feed_end)

    def renew(self, member: bytes, *, book: bytes, applied: int, settle: bool) -> int | None:
        """See LeaseRoll."""
        [*least] = self._connection.run(
            Call(
                _RENEW,
                (keys.FEED_FENCE, keys.ROLL),
                (_MEMBER + member, book, applied, int(settle)),
            )
        )
        return int(least[0]) if least else None

    def look(self) -> Roll:
        """See LeaseRoll."""
        flat = self._connection.run(Call(_LOOK, (keys.FEED_FENCE, keys.ROLL)))
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return Roll(
            book=fields.get(b"book", b""),
            is_settled=b"settled" in fields,
            members={
                name.removeprefix(_MEMBER): _member(value)
                for name, value in fields.items()
                if name.startswith(_MEMBER)
            },
        )

    def strike(self, member: bytes, *, book: bytes, counter: int) -> None:
        """See LeaseRoll."""
        self._connection.run(
            Call(_STRIKE, (keys.FEED_FENCE, keys.ROLL), (_MEMBER + member, book, counter))
        )

    def sign_off(self, member: bytes) -> None:
        """See LeaseRoll."""
        self._connection.run(Call(_SIGN_OFF, (keys.FEED_FENCE, keys.ROLL), (_MEMBER + member,)))


def _member(value: bytes) -> Member:
    counter, applied = value.split()
    return Member(counter=int(counter), applied=int(applied))
