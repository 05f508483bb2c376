"""Keeps the marks of revocations where every check looks (RevocationMarks)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from authsvc.domain.identifiers import AccountId, SessionId, TokenId
from authsvc.domain.revocation import Revocation, TokenMarks, TokenNames
from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script
from authsvc.verify.revocations import RevocationKind

_MARK = Script("mark")
_RAISE_EPOCH = Script("raise_epoch")
_CHECK = Script("check")

_MILLISECOND = timedelta(milliseconds=1)
_SHORTEST = timedelta(seconds=1)


class RedisRevocationMarks:
    """Marks with a TTL each. It is a duration, so that the wall clock of Redis takes no part."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def apply(self, revocations: Sequence[Revocation], *, now: datetime) -> int:
        """See RevocationMarks. Not fenced: by this a restore makes Redis trustworthy."""
        calls = [
            _call(revocation, now)
            for revocation in revocations
            # A dead key is no longer in any worker's ring: there is nothing to look up.
            if revocation.kind is not RevocationKind.KEY
        ]
        return sum(self._connection.run_unfenced(calls))

    def check(self, tokens: Sequence[TokenNames]) -> Sequence[TokenMarks]:
        """See RevocationMarks."""
        return [
            TokenMarks(
                revision=int(revision or 0),
                token_revoked=token is not None,
                session_revoked=session is not None,
                epoch=int(epoch or 0),
            )
            for revision, token, session, epoch in self._connection.run_many(
                [_check(token) for token in tokens]
            )
        ]


def _check(token: TokenNames) -> Call:
    partition = keys.token_partition(token.token_id)
    of_session = keys.of_session(token.session_id)
    of_account = keys.of_account(token.account_id)
    if {partition} != {of_session.partition, of_account.partition}:
        message = "the names of the token are of several partitions"
        raise ValueError(message)
    return Call(
        _CHECK,
        (
            keys.fence(partition),
            keys.revision(partition),
            keys.token_mark(token.token_id),
            of_session.mark,
            of_account.epoch,
        ),
    )


def _call(revocation: Revocation, now: datetime) -> Call:
    life = max(revocation.remember_until - now, _SHORTEST) // _MILLISECOND
    common = (life, revocation.revision)
    if revocation.kind is RevocationKind.TOKEN:
        token_id = TokenId(revocation.subject)
        revision = keys.revision(keys.token_partition(token_id))
        return Call(_MARK, (keys.token_mark(token_id), revision), common)
    if revocation.kind is RevocationKind.SESSION:
        of_session = keys.of_session(SessionId(revocation.subject))
        revision = keys.revision(of_session.partition)
        return Call(_MARK, (of_session.mark, revision, of_session.record), common)
    of_account = keys.of_account(AccountId(revocation.subject))
    return Call(
        _RAISE_EPOCH,
        (of_account.epoch, keys.revision(of_account.partition), of_account.index),
        (
            *common,
            revocation.epoch,
            of_account.fingerprint,
            of_account.head,
            keys.record_prefix(of_account.partition),
        ),
    )
