"""What the tests share: sessions with typical data, and a process with a journal in memory."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from authsvc.domain.identifiers import (
    AccountId,
    account_partition,
    new_account_id,
    new_session_id,
)
from authsvc.domain.revocation import Revocation
from authsvc.domain.sessions import ClientInfo, Rotation, Session
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.fence import RedisFence
from authsvc.stores.redis.marks import RedisRevocationMarks
from authsvc.stores.redis.sessions import RedisSessionStore
from authsvc.verify.revocations import RevocationKind
from tests.stores.hot.servers import Server

GRACE = timedelta(seconds=10)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/137.0.0.0 Safari/537.36"
)


@dataclass
class Hot:
    """One process's view of Redis."""

    server: Server
    connection: RedisConnection
    sessions: RedisSessionStore
    marks: RedisRevocationMarks
    fence: RedisFence
    journal: list[Revocation] = field(default_factory=list)
    restores: int = 0

    def restore(self) -> None:
        """Do what the keeper does."""
        self.restores += 1
        mark = self.fence.begin_restore()
        self.marks.apply(self.journal, now=NOW)
        self.fence.set_fence(b"the fence of sql!", restore=mark)

    def revoke(self, kind: RevocationKind, subject: str, *, epoch: int = 0) -> int:
        """Journal a revocation and mark it."""
        revocation = Revocation(
            revision=len(self.journal) + 1,
            kind=kind,
            subject=subject,
            epoch=epoch,
            reason="test",
            create_time=NOW,
            remember_until=NOW + timedelta(hours=1),
        )
        self.journal.append(revocation)
        return self.marks.apply([revocation], now=NOW)

    def open(self, session: Session, *, limit: int = 10) -> Session:
        """Open a session that must not be refused."""
        assert self.sessions.open(session, limit=limit, now=NOW) is not None
        return session

    def rotate(
        self, session: Session, generation: int, *, after: timedelta = timedelta(0)
    ) -> Rotation:
        """Present a session's token of a generation."""
        return self.sessions.rotate(
            session.session_id,
            generation=generation,
            nonce_hash=session.nonce_hash,
            client_id=session.client_id,
            now=NOW + after,
        )


def connect(server: Server) -> Hot:
    """Another process."""
    connection = RedisConnection(server.url)
    hot = Hot(
        server=server,
        connection=connection,
        sessions=RedisSessionStore(connection, grace=GRACE, mark_lifetime=timedelta(minutes=11)),
        marks=RedisRevocationMarks(connection),
        fence=RedisFence(connection),
    )
    connection.on_distrust = hot.restore
    return hot


def a_session(
    account_id: AccountId | None = None,
    *,
    epoch: int = 0,
    idle: timedelta = timedelta(days=1),
    absolute: timedelta = timedelta(days=30),
) -> Session:
    """A new session with typical data."""
    account_id = account_id or new_account_id()
    return Session(
        session_id=new_session_id(account_partition(account_id)),
        account_id=account_id,
        epoch=epoch,
        client_id="web-app",
        audience="https://api.example.com",
        scopes=("orders:read", "orders:write"),
        roles=(),
        amr=("pwd",),
        client=ClientInfo(ip_address="203.0.113.77", user_agent=USER_AGENT),
        nonce_hash=secrets.token_bytes(16),
        generation=0,
        create_time=NOW,
        auth_time=NOW,
        last_use_time=NOW,
        idle_lifetime=idle,
        absolute_expire_time=NOW + absolute,
    )
