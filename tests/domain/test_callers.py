"""Calling services are known from memory only while that is safe, and keys by their last use."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authsvc.domain.accounts import EndTokens
from authsvc.domain.callers import CallerAuthenticator
from authsvc.domain.calling_service import Proof
from authsvc.domain.client_certificates import ClientCertificate
from authsvc.domain.feed import RevocationFeed
from authsvc.domain.replica import ReadLease, RevocationReplica
from authsvc.domain.revocation import KNOWN_CALLER_LIFE, Revocation
from authsvc.domain.service_accounts import (
    ServiceAccount,
    ServiceAccountChange,
    ServiceAccountState,
)
from authsvc.errors import CallerUnauthenticated, StoreUnavailable
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.verify.claims import Claims, read_claims
from authsvc.verify.revocations import RevocationIndex
from tests.callers import key_of, service_account
from tests.stores.outbox import EVENT, event_of, outbox
from tests.verify.minting import CLAIMS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SPIFFE = "spiffe://corp.example/billing"
END = EndTokens(reason="test", remember_until=NOW + timedelta(days=1))


def named(*names: str) -> ClientCertificate:
    """A certificate that the handshake has verified."""
    return ClientCertificate(
        uris=tuple(name for name in names if ":" in name),
        dns_names=tuple(name for name in names if ":" not in name),
        sha256=bytes(32),
        unverified_end=None,
    )


class World:
    """A worker over a database of its own, whose lease, feed and clocks the test holds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = connect(url)
        self.store = SqlServiceAccountStore(self.engine, outbox(self.engine))
        self.now, self.steady = NOW, 0.0
        self.replica = RevocationReplica(
            index=RevocationIndex(),
            feed=RevocationFeed(),
            lease=ReadLease(timedelta(days=1000), steady=lambda: self.steady),
            reload_keys=lambda: None,
        )
        self.callers = CallerAuthenticator(
            store=self.store,
            replica=self.replica,
            clock=lambda: self.now,
            steady=lambda: self.steady,
        )

    def close(self) -> None:
        """Leave nothing open."""
        self.engine.dispose()

    def hold_lease(self) -> None:
        """Answer from memory from now on."""
        self.replica.lease.extend(self.steady)

    def hear(self, revocation: Revocation | None) -> None:
        """Apply what was journalled."""
        assert revocation is not None
        self.replica.apply([revocation], revision=revocation.revision)

    def lose_sql(self) -> None:
        """From now on SQL does not answer."""
        self.engine.dispose()
        self.store._engine = connect("sqlite:////nowhere/at/all.db")


def claims_of(account: ServiceAccount) -> Claims:
    """What a token of a service says."""
    return read_claims(CLAIMS | {"sub": account.service_account_id})


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path}/authsvc.db"
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
    with closing(World(url)) as world:
        yield world


@pytest.fixture(name="billing")
def _billing(world: World) -> ServiceAccount:
    billing = service_account(
        now=NOW, name="billing", scopes=("a", "b"), certificate_names=(SPIFFE,)
    )
    world.store.create(billing, event=EVENT)
    return billing


@pytest.fixture(name="api_key")
def _api_key(world: World, billing: ServiceAccount) -> str:
    text, key = key_of(billing, now=NOW, scopes=("b", "c"))
    world.store.add_key(key, event=EVENT)
    return text


def test_under_a_lease_a_known_key_is_answered_without_sql(world: World, api_key: str) -> None:
    world.hold_lease()
    first = world.callers.by_api_key(api_key)
    world.lose_sql()

    assert world.callers.by_api_key(api_key) == first
    assert (first.name, first.scopes, first.proofs) == ("billing", {"b"}, {Proof.API_KEY})


def test_without_a_lease_sql_is_asked_at_every_call(world: World, api_key: str) -> None:
    world.callers.by_api_key(api_key)
    world.lose_sql()
    with pytest.raises(StoreUnavailable):
        world.callers.by_api_key(api_key)


def test_what_was_found_without_a_lease_is_not_remembered_for_one(
    world: World, api_key: str
) -> None:
    world.callers.by_api_key(api_key)
    world.hold_lease()
    world.lose_sql()
    with pytest.raises(StoreUnavailable):
        world.callers.by_api_key(api_key)


def test_p_rev_6_nobody_is_known_for_longer_than_revocations_are_remembered(
    world: World, api_key: str
) -> None:
    world.hold_lease()
    world.callers.by_api_key(api_key)
    world.lose_sql()
    world.steady = KNOWN_CALLER_LIFE.total_seconds()
    with pytest.raises(StoreUnavailable):
        world.callers.by_api_key(api_key)


def test_p_int_1_a_revocation_that_was_heard_of_before_the_look_up_ended_counts(
    world: World, api_key: str
) -> None:
    """What was read before the change and is kept after it must not be used."""
    world.hold_lease()
    before = world.callers.by_api_key(api_key)
    remembered = dict(world.callers._known)
    _, revocation = world.store.change(
        "billing", ServiceAccountChange(scopes=()), now=NOW, end_tokens=END, event_of=event_of
    )
    world.hear(revocation)
    world.callers._known.update(remembered)  # as a slow thread would, only now

    assert before.scopes == {"b"}
    assert world.callers.by_api_key(api_key).scopes == set()


def test_a_certificate_is_known_by_any_of_its_names_and_never_as_two_services(
    world: World, billing: ServiceAccount
) -> None:
    world.hold_lease()
    world.store.create(
        service_account(now=NOW, name="audit", certificate_names=("a.b",)), event=EVENT
    )

    found = world.callers.by_certificate(named(SPIFFE, "unknown.example"))
    assert found is not None
    assert (found.name, found.scopes, found.proofs) == (
        billing.name,
        {"a", "b"},
        {Proof.CERTIFICATE},
    )
    world.callers.by_token(claims_of(billing))
    for unknown in ((), ("unknown.example",), (billing.service_account_id,)):
        assert world.callers.by_certificate(named(*unknown)) is None
    for names in ((SPIFFE, "a.b"), (f"{SPIFFE}\na.b",)):
        with pytest.raises(CallerUnauthenticated):
            world.callers.by_certificate(named(*names))
    world.lose_sql()
    assert world.callers.by_certificate(named(SPIFFE, "unknown.example")) == found
    for unknown in ("unknown.example", billing.service_account_id):
        with pytest.raises(StoreUnavailable):
            world.callers.by_certificate(named(unknown))


def test_p_int_1_a_certificates_name_that_moves_opens_its_new_service_alone(
    world: World, billing: ServiceAccount
) -> None:
    world.hold_lease()
    world.store.create(service_account(now=NOW, name="audit"), event=EVENT)
    before = world.callers.by_certificate(named(SPIFFE))

    change = ServiceAccountChange(certificate_names=())
    _, revocation = world.store.change(
        "billing", change, now=NOW, end_tokens=END, event_of=event_of
    )
    world.hear(revocation)
    assert world.callers.by_certificate(named(SPIFFE)) is None
    change = replace(change, certificate_names=(SPIFFE,))
    world.store.change("audit", change, now=NOW, end_tokens=END, event_of=event_of)

    after = world.callers.by_certificate(named(SPIFFE))
    assert before is not None
    assert after is not None
    assert (before.name, after.name) == (billing.name, "audit")


def test_p_int_1_a_certificate_of_a_disabled_service_is_refused(
    world: World, billing: ServiceAccount
) -> None:
    world.store.create(
        service_account(now=NOW, name="audit", certificate_names=("a.b",)), event=EVENT
    )
    change = ServiceAccountChange(state=ServiceAccountState.DISABLED)
    world.store.change("billing", change, now=NOW, end_tokens=END, event_of=event_of)

    for names in ((SPIFFE,), (SPIFFE, "unknown.example"), (SPIFFE, "a.b")):
        with pytest.raises(CallerUnauthenticated):
            world.callers.by_certificate(named(*names))


def test_p_int_1_a_resumed_session_is_over_with_its_certificate_also_from_memory(
    world: World, billing: ServiceAccount
) -> None:
    world.hold_lease()
    resumed = replace(named(SPIFFE), unverified_end=NOW + timedelta(hours=1))
    assert world.callers.by_certificate(resumed) is not None

    world.now += timedelta(hours=1)

    assert world.callers.by_certificate(named(SPIFFE)) is not None
    with pytest.raises(CallerUnauthenticated):
        world.callers.by_certificate(resumed)


def test_the_last_use_of_a_key_is_written_by_a_duty_and_survives_an_outage(
    world: World, api_key: str
) -> None:
    def last_use() -> datetime | None:
        return world.store.list_keys("billing")[0].last_use_time

    world.hold_lease()
    world.callers.by_api_key(api_key)
    world.now += timedelta(seconds=1)
    world.callers.by_api_key(api_key)
    assert last_use() is None

    world.lose_sql()
    with pytest.raises(StoreUnavailable):
        world.callers.write_uses()
    world.store._engine = connect(world.url)
    world.callers.write_uses()

    assert last_use() == world.now
    world.callers.write_uses()
    world.store._engine.dispose()
