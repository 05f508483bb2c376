"""Names of keys: short, and each with the hash tag of its partition.

All keys of a partition share one Redis Cluster slot, so that a script may touch any of them. An id
loses the byte that the tag already tells: of a sid and a jti the first, of an account id the last.
"""

from dataclasses import dataclass

from authsvc.domain.identifiers import (
    AccountId,
    SessionId,
    TokenId,
    account_id_bytes,
    decode_id,
)

PARTITIONS = range(256)

FEED_FENCE = b"g{00}"
"""The fence of the partition that the feed and the roll are in."""

FEED = b"f{00}"
"""The feed of revocations."""

ROLL = b"w{00}"
"""The roll of those who answer from memory."""


def fence(partition: int) -> bytes:
    """The fence of a partition."""
    return _name("g", partition)


def restore(partition: int, mark: bytes) -> bytes:
    """The mark of one restore; each restore has its own, so that they don't disturb each other."""
    return _name("m", partition) + mark


def revision(partition: int) -> bytes:
    """The latest revision that was marked in a partition."""
    return _name("v", partition)


def lease(name: str) -> bytes:
    """A lease on a background duty."""
    return b"l{" + name.encode() + b"}"


def throttle(digest: bytes) -> bytes:
    """A throttle's counter, spread over the slots by its digest."""
    return _name("h", digest[0]) + digest[1:]


def challenge(token_hash: bytes) -> bytes:
    """A challenge, spread over the slots by the hash of its token."""
    return _name("c", token_hash[0]) + token_hash[1:]


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of a session."""

    partition: int
    tail: bytes
    """The sid without its first byte."""

    @property
    def fence(self) -> bytes:
        """The fence of the session's partition."""
        return fence(self.partition)

    @property
    def record(self) -> bytes:
        """The session's record."""
        return record_prefix(self.partition) + self.tail

    @property
    def mark(self) -> bytes:
        """The mark that says that the session was revoked."""
        return session_mark_prefix(self.partition) + self.tail


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The keys of an account.

    The index is shared by the accounts whose ids have the same last two bytes: one key an account
    would cost more than all that it says. Each of its entries is a fingerprint of the account and
    the tail of a sid; which account an entry truly belongs to is told by the session's record.
    """

    partition: int
    head: bytes
    """The account id without its last byte."""

    @property
    def fence(self) -> bytes:
        """The fence of the account's partition."""
        return fence(self.partition)

    @property
    def index(self) -> bytes:
        """The index in which the account's sessions are found, oldest first."""
        return _name("i", self.partition) + self.head[-1:]

    @property
    def fingerprint(self) -> bytes:
        """Two bytes that tell most of the accounts of an index apart."""
        return self.head[-3:-1]

    @property
    def epoch(self) -> bytes:
        """The least epoch at which tokens of the account are alive."""
        return _name("e", self.partition) + self.head


def of_session(session_id: SessionId) -> SessionKeys:
    """The keys of a session.

    Raises:
        ValueError: It is no session id.

    """
    raw = _sixteen_bytes(session_id)
    return SessionKeys(raw[0], raw[1:])


def of_account(account_id: AccountId) -> AccountKeys:
    """The keys of an account."""
    raw = account_id_bytes(account_id)
    return AccountKeys(raw[-1], raw[:-1])


def token_partition(token_id: TokenId) -> int:
    """The partition of a token.

    Raises:
        ValueError: It is no token id.

    """
    return _sixteen_bytes(token_id)[0]


def token_mark(token_id: TokenId) -> bytes:
    """The mark that says that a token was revoked.

    Raises:
        ValueError: It is no token id.

    """
    raw = _sixteen_bytes(token_id)
    return _name("t", raw[0]) + raw[1:]


def record_prefix(partition: int) -> bytes:
    """What the keys of a partition's session records begin with."""
    return _name("s", partition)


def session_mark_prefix(partition: int) -> bytes:
    """What the keys of a partition's session marks begin with."""
    return _name("r", partition)


def _name(kind: str, partition: int) -> bytes:
    return f"{kind}{{{partition:02x}}}".encode()


def _sixteen_bytes(text: str) -> bytes:
    raw = decode_id(text)
    if len(raw) != 16:  # noqa: PLR2004 - the length of every id
        message = "not 16 bytes"
        raise ValueError(message)
    return raw
