"""Revocations as many as one likes, and a watcher that keeps to the protocol of the contract."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from authn.v1.token_service_pb2 import WatchRevocationsRequest, WatchRevocationsResponse
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from authsvc.domain.revocation import Revocation
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.verify.revocations import RevocationKind
from tests.porch.processes import eventually
from tests.service import Service
from tests.stores.outbox import outbox


class Revoking:
    """Revokes tokens that nobody has."""

    def __init__(self, service: Service, journal: SqlRevocationJournal) -> None:
        self._service = service
        self._replica = service.app.revoking.replica
        self._journal = journal
        self._in_order = threading.Lock()

    def __call__(self, count: int = 1) -> set[str]:
        """Revoke so many, and let the feed have them."""
        with self._in_order:
            revocations = self._append(count)
            self._service.app.revoking.revoker._put_out(revocations)
            last = revocations[-1].revision
            assert eventually(lambda: self._replica.revision >= last)
        return {revocation.subject for revocation in revocations}

    def before_start(self, count: int) -> set[str]:
        """Revoke so many, as if that were longer ago than the feed reaches back."""
        revoked = self(count)
        feed = self._replica.feed
        with feed._telling:
            feed._oldest = feed._revision
            feed._latest.clear()
        return revoked

    def _append(self, count: int) -> Sequence[Revocation]:
        now = self._service.clock()
        return self._journal.append(
            RevocationKind.TOKEN,
            [secrets.token_urlsafe(16) for _ in range(count)],
            reason="test",
            now=now,
            remember_until=now + timedelta(hours=1),
            events=[],
        )


@contextmanager
def revoking(service: Service) -> Iterator[Revoking]:
    """Revoke in the stores of a service."""
    engine = connect(service.app.config.sql_url())
    try:
        yield Revoking(service, SqlRevocationJournal(engine, outbox(engine)))
    finally:
        engine.dispose()


class Watcher:
    """Applies what it is told, and accepts no gap."""

    def __init__(
        self,
        stub: TokenServiceStub,
        *,
        after: int = 0,
        metadata: tuple[tuple[str, str], ...] = (),
        timeout: float = 60,
    ) -> None:
        self.revision = after
        self.known: set[str] = set()
        self.resets = 0
        self.call = stub.WatchRevocations(
            WatchRevocationsRequest(after_revision=after), metadata=metadata, timeout=timeout
        )

    def read(self) -> WatchRevocationsResponse:
        """Take the next piece in."""
        piece: WatchRevocationsResponse = next(self.call)
        if piece.reset:
            self.resets += 1
            self.known.clear()
            self.revision = 0
        assert piece.after_revision == self.revision
        self.known.update(revocation.subject for revocation in piece.revocations)
        self.revision = piece.revision
        return piece

    def read_until(
        self, holds: Callable[[WatchRevocationsResponse], bool]
    ) -> list[WatchRevocationsResponse]:
        """Take pieces in, up to the first of which something is true."""
        pieces = [self.read()]
        while not holds(pieces[-1]):
            pieces.append(self.read())
        return pieces


def is_current(piece: WatchRevocationsResponse) -> bool:
    """Say whether nothing more is known than what was sent up to here."""
    return piece.is_current
