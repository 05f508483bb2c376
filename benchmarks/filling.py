"""A process that opens sessions in Redis through the service's own store, many in a round trip."""

import ipaddress
import itertools
import random
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from authsvc.domain.identifiers import account_partition, new_account_id, new_session_id
from authsvc.domain.sessions import ClientInfo, Session
from authsvc.stores.redis.connection import Call, RedisConnection
from authsvc.stores.redis.fence import RedisFence
from authsvc.stores.redis.sessions import RedisSessionStore

_BATCH = 500
_FENCE = b"sixteen bytes of"
_USER_AGENTS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/{major}.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.{minor} Safari/605.1.15"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{minor} like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.{minor} Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/{major}.0.0.0 Mobile Safari/537.36"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0",
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/{major}.0.0.0 Safari/537.36 Edg/{major}.0.{minor}.0"
    ),
)


class _Batching(RedisConnection):
    """Sends the calls of many sessions together: the store need not know."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._waiting: list[Call] = []
        self.opened = 0

    def run(self, call: Call) -> Any:
        """Put the call with the others, and answer as if the session were open."""
        self._waiting.append(call)
        if len(self._waiting) >= _BATCH:
            self.flush()
        return [1]

    def flush(self) -> None:
        """Send what waits, and count what was opened."""
        if self._waiting:
            self.opened += sum(answer[0] for answer in self.run_many(self._waiting))
            self._waiting = []


def main() -> None:
    """Open as many sessions as asked, and print how many were opened."""
    url, count = sys.argv[1], int(sys.argv[2])
    connection = _Batching(url)
    fence = RedisFence(connection)

    def restore() -> None:
        fence.set_fence(_FENCE, restore=fence.begin_restore())

    connection.on_distrust = restore
    store = RedisSessionStore(
        connection, grace=timedelta(seconds=10), mark_lifetime=timedelta(minutes=11)
    )
    now = datetime.now(UTC)
    for number in range(count):
        store.open(_session(number, now), limit=50, now=now)
    connection.flush()
    print(connection.opened, flush=True)


_BROWSERS = itertools.cycle(_USER_AGENTS)


def _session(number: int, now: datetime) -> Session:
    """A session as a browser's login opens it."""
    account_id = new_account_id()
    user_agent = next(_BROWSERS).format(major=random.randint(120, 140), minor=random.randint(0, 6))
    opened = now - timedelta(milliseconds=number)
    return Session(
        session_id=new_session_id(account_partition(account_id)),
        account_id=account_id,
        epoch=0,
        client_id="web-app",
        audience="https://api.example.com",
        scopes=("orders:read", "orders:write"),
        roles=(),
        amr=("pwd",),
        client=ClientInfo(
            ip_address=str(ipaddress.IPv4Address(random.randint(2**24, 2**31))),
            user_agent=user_agent,
        ),
        nonce_hash=secrets.token_bytes(16),
        generation=0,
        create_time=opened,
        auth_time=opened,
        last_use_time=opened,
        idle_lifetime=timedelta(days=14),
        absolute_expire_time=opened + timedelta(days=90),
    )


if __name__ == "__main__":
    main()
