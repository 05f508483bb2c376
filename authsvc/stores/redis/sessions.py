"""Keeps open sessions in Redis (SessionStore)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from authsvc.domain.clock import to_milliseconds
from authsvc.domain.identifiers import AccountId, SessionId, encode_id
from authsvc.domain.sessions import Rotation, RotationOutcome, Session
from authsvc.stores.redis import keys, session_record
from authsvc.stores.redis.connection import Call, RedisConnection, Script

_ROTATE = Script("rotate")
_OPEN = Script("open")
_FIND = Script("find")
_LIST = Script("list")

_MILLISECOND = timedelta(milliseconds=1)


class RedisSessionStore:
    """Sessions, each a record of its own with a TTL, and an index to find an account's."""

    def __init__(
        self, connection: RedisConnection, *, grace: timedelta, mark_lifetime: timedelta
    ) -> None:
        """Make the store.

        Args:
            connection: Where to.
            grace: For how long after a rotation the token before gives the same successor.
            mark_lifetime: How long the mark of a session stays that ended because the account had
                too many: no less than its last access token lives, bounds included.

        """
        self._connection = connection
        self._grace = grace // _MILLISECOND
        self._mark_lifetime = mark_lifetime // _MILLISECOND

    def open(self, session: Session, *, limit: int, now: datetime) -> Sequence[SessionId] | None:
        """See SessionStore.

        Raises:
            ValueError: The session does not fit its record, or is not of its account's partition.

        """
        of_session = keys.of_session(session.session_id)
        of_account = keys.of_account(session.account_id)
        if of_session.partition != of_account.partition:
            message = "the session is of another partition than its account"
            raise ValueError(message)
        call = Call(
            _OPEN,
            (of_session.fence, of_account.epoch, of_session.record, of_account.index),
            (
                session_record.pack(session),
                session.epoch,
                of_account.fingerprint,
                of_account.head,
                of_session.tail,
                limit,
                session.idle_lifetime // _MILLISECOND,
                max(0, (session.absolute_expire_time - now) // _MILLISECOND),
                self._mark_lifetime,
                keys.record_prefix(of_session.partition),
                keys.session_mark_prefix(of_session.partition),
            ),
        )
        opened, *ended = self._connection.run(call)
        if not opened:
            return None
        return [_session_id(of_session.partition, tail) for tail in ended]

    def rotate(
        self,
        session_id: SessionId,
        *,
        generation: int,
        nonce_hash: bytes,
        client_id: str,
        now: datetime,
    ) -> Rotation:
        """See SessionStore."""
        of_session = keys.of_session(session_id)
        call = Call(
            _ROTATE,
            (of_session.fence, of_session.record),
            (generation, nonce_hash, client_id.encode(), to_milliseconds(now), self._grace),
        )
        outcome, *record = self._connection.run(call)
        session = session_record.unpack(session_id, record[0]) if record else None
        return Rotation(RotationOutcome(outcome.decode()), session)

    def find(self, session_id: SessionId, *, now: datetime) -> Session | None:
        """See SessionStore."""
        of_session = keys.of_session(session_id)
        found = self._connection.run(Call(_FIND, (of_session.fence, of_session.record)))
        return _open_session(session_id, found[0], now) if found and found[0] else None

    def list(self, account_id: AccountId, *, now: datetime) -> Sequence[Session]:
        """See SessionStore."""
        of_account = keys.of_account(account_id)
        call = Call(
            _LIST,
            (of_account.fence, of_account.index),
            (
                of_account.fingerprint,
                of_account.head,
                keys.record_prefix(of_account.partition),
            ),
        )
        reply = self._connection.run(call)
        found = (
            _open_session(_session_id(of_account.partition, tail), record, now)
            for tail, record in zip(reply[::2], reply[1::2], strict=True)
        )
        return [session for session in found if session is not None]


def _session_id(partition: int, tail: bytes) -> SessionId:
    return SessionId(encode_id(bytes([partition]) + tail))


def _open_session(session_id: SessionId, record: bytes, now: datetime) -> Session | None:
    """Give the session if it is still open; the TTL of its record may be behind."""
    if session_record.is_reused(record):
        return None
    session = session_record.unpack(session_id, record)
    return session if now < session.expire_time else None
