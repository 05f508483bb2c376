"""The contract of ServiceAccountStore on every database."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from authsvc.domain.accounts import EndTokens
from authsvc.domain.api_keys import ApiKey
from authsvc.domain.identifiers import new_service_account_id
from authsvc.domain.service_accounts import (
    ServiceAccount,
    ServiceAccountChange,
    ServiceAccountState,
)
from authsvc.errors import (
    ApiKeyNotFound,
    CertificateNameTaken,
    ServiceAccountNotFound,
    ServiceNameTaken,
)
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.verify.revocations import RevocationKind
from tests.callers import key_of, service_account
from tests.stores.outbox import EVENT, event_of, outbox
from tests.stores.races import at_once

SPIFFE = "spiffe://corp.example/ns/pay/sa/billing"
LONGEST = "spiffe://corp.example/" + "x" * 2026


@pytest.fixture(name="store")
def _store(engine: Engine) -> SqlServiceAccountStore:
    return SqlServiceAccountStore(engine, outbox(engine))


@pytest.fixture(name="billing")
def _billing(now: datetime) -> ServiceAccount:
    return service_account(
        now=now,
        name="billing",
        scopes=("tokens.introspect", "accounts.read"),
        methods=("authn.v1.TokenService/*",),
        audiences=("orders", "https://pay.example/"),
        certificate_names=("billing.corp.example", SPIFFE),
        public_keys=({"kty": "OKP", "crv": "Ed25519", "x": "AA", "alg": "EdDSA", "kid": "k"},),
        update_time=now + timedelta(microseconds=1),
    )


@pytest.fixture(name="key")
def _key(billing: ServiceAccount, now: datetime) -> ApiKey:
    expire_time = now + timedelta(days=90, microseconds=1)
    return key_of(billing, now=now, scopes=("accounts.read",), expire_time=expire_time)[1]


def test_service_accounts_come_back_as_they_were_by_name(
    store: SqlServiceAccountStore, billing: ServiceAccount, now: datetime
) -> None:
    audit = service_account(now=now, name="audit", state=ServiceAccountState.DISABLED)

    store.create(billing, event=EVENT)
    store.create(audit, event=EVENT)

    assert store.find("billing") == billing
    assert store.find("nobody") is None
    assert store.find_by_id(audit.service_account_id) == audit
    assert store.find_by_id(new_service_account_id()) is None
    assert store.list(after=None, limit=10) == [audit, billing]
    assert store.list(after=None, limit=1) == [audit]
    assert store.list(after="audit", limit=10) == [billing]


def test_one_of_eight_creations_of_a_name_wins(
    store: SqlServiceAccountStore, now: datetime
) -> None:
    calls = [
        partial(store.create, service_account(now=now, name="billing"), event=EVENT)
        for _ in range(8)
    ]

    outcomes = at_once(calls)

    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, ServiceNameTaken) for outcome in outcomes) == 7


def test_p_int_1_a_certificates_name_leads_to_one_service_account(
    store: SqlServiceAccountStore, billing: ServiceAccount, now: datetime
) -> None:
    store.create(billing, event=EVENT)
    store.create(service_account(now=now, name="audit", certificate_names=(LONGEST,)), event=EVENT)

    assert store.find_by_certificate_name(SPIFFE) == billing
    assert store.find_by_certificate_name("billing.corp.example") == billing
    found = store.find_by_certificate_name(LONGEST)
    assert found is not None
    assert found.name == "audit"
    for other in (SPIFFE.upper(), SPIFFE + "/", SPIFFE[:-1], "", "corp.example", LONGEST[:-1]):
        assert store.find_by_certificate_name(other) is None


def test_p_int_1_no_two_service_accounts_share_a_certificates_name(
    store: SqlServiceAccountStore, billing: ServiceAccount, now: datetime
) -> None:
    store.create(billing, event=EVENT)
    store.create(service_account(now=now, name="audit"), event=EVENT)

    with pytest.raises(CertificateNameTaken):
        store.create(
            service_account(now=now, name="other", certificate_names=(SPIFFE,)), event=EVENT
        )
    with pytest.raises(CertificateNameTaken):
        store.change(
            "audit",
            ServiceAccountChange(certificate_names=("a.b", SPIFFE)),
            now=now,
            event_of=event_of,
        )

    assert store.find("other") is None
    assert store.find_by_certificate_name("a.b") is None
    assert store.find_by_certificate_name(SPIFFE) == billing


def test_one_of_eight_services_gets_a_certificates_name(
    store: SqlServiceAccountStore, now: datetime
) -> None:
    names = [f"s{number}" for number in range(8)]
    for name in names:
        store.create(service_account(now=now, name=name), event=EVENT)
    change = ServiceAccountChange(certificate_names=(SPIFFE,))

    outcomes = at_once(
        [partial(store.change, name, change, now=now, event_of=event_of) for name in names]
    )

    assert sum(isinstance(outcome, CertificateNameTaken) for outcome in outcomes) == 7


def test_a_change_touches_what_it_names_and_nothing_else(
    store: SqlServiceAccountStore, billing: ServiceAccount, now: datetime
) -> None:
    store.create(billing, event=EVENT)
    later = now + timedelta(days=1)

    scopes, _ = store.change(
        "billing", ServiceAccountChange(scopes=()), now=later, event_of=event_of
    )
    assert scopes == replace(billing, scopes=(), update_time=later)
    change = ServiceAccountChange(
        methods=("*",), audiences=(), certificate_names=("a.b",), public_keys=()
    )
    changed, revocation = store.change("billing", change, now=later, event_of=event_of)

    assert revocation is None
    expected = replace(
        scopes, methods=("*",), audiences=(), certificate_names=("a.b",), public_keys=()
    )
    assert changed == expected
    assert store.find("billing") == expected
    assert store.find_by_certificate_name(SPIFFE) is None
    with pytest.raises(ServiceAccountNotFound):
        store.change("nobody", change, now=later, event_of=event_of)


def test_p_int_1_the_end_of_a_services_tokens_is_journalled_with_the_change(
    store: SqlServiceAccountStore,
    engine: Engine,
    billing: ServiceAccount,
    now: datetime,
    end_tokens: EndTokens,
) -> None:
    store.create(billing, event=EVENT)
    disabled = ServiceAccountChange(state=ServiceAccountState.DISABLED)

    account, revocation = store.change(
        "billing", disabled, now=now, end_tokens=end_tokens, event_of=event_of
    )
    last = store.delete("billing", now=now, end_tokens=end_tokens, event_of=event_of)

    assert (account.state, account.epoch) == (ServiceAccountState.DISABLED, 1)
    assert revocation is not None
    assert (revocation.kind, revocation.epoch) == (RevocationKind.ACCOUNT, 1)
    assert (last.subject, last.epoch) == (billing.service_account_id, 2)
    assert list(SqlRevocationJournal(engine, outbox(engine)).live(now)) == [[revocation, last]]


def test_what_is_deleted_takes_its_keys_and_certificates_along(
    store: SqlServiceAccountStore,
    billing: ServiceAccount,
    key: ApiKey,
    now: datetime,
    end_tokens: EndTokens,
) -> None:
    store.create(billing, event=EVENT)
    store.add_key(key, event=EVENT)

    store.delete("billing", now=now, end_tokens=end_tokens, event_of=event_of)

    assert store.find_by_secret_hash(key.secret_hash) is None
    assert store.find_by_certificate_name(SPIFFE) is None
    with pytest.raises(ServiceAccountNotFound):
        store.delete("billing", now=now, end_tokens=end_tokens, event_of=event_of)
    store.create(replace(billing, service_account_id=new_service_account_id()), event=EVENT)
    assert store.list_keys("billing") == []


def test_a_key_is_found_by_its_hash_with_its_owner(
    store: SqlServiceAccountStore, billing: ServiceAccount, key: ApiKey
) -> None:
    store.create(billing, event=EVENT)
    endless = replace(key, key_id="key-2", secret_hash=bytes(32), expire_time=None)

    store.add_key(key, event=EVENT)
    store.add_key(endless, event=EVENT)

    assert store.find_by_secret_hash(key.secret_hash) == (billing, key)
    assert store.find_by_secret_hash(bytes(32)) == (billing, endless)
    assert store.find_by_secret_hash(b"\xff" * 32) is None
    keys = sorted([key, endless], key=lambda one: one.key_id)
    assert store.list_keys("billing") == keys
    assert key.secret_hash.hex() not in repr(key)
    assert repr(key.secret_hash) not in repr(key)


def test_a_key_without_an_owner_is_not_kept(store: SqlServiceAccountStore, key: ApiKey) -> None:
    with pytest.raises(ServiceAccountNotFound):
        store.add_key(key, event=EVENT)
    assert store.find_by_secret_hash(key.secret_hash) is None


def test_p_int_1_a_key_is_revoked_once_and_the_first_time_stays(
    store: SqlServiceAccountStore,
    billing: ServiceAccount,
    key: ApiKey,
    now: datetime,
    end_tokens: EndTokens,
) -> None:
    store.create(billing, event=EVENT)
    store.add_key(key, event=EVENT)
    tomorrow = now + timedelta(days=1)

    first = store.revoke_key(key.key_id, now=now, end_tokens=end_tokens, event=EVENT)
    again = store.revoke_key(key.key_id, now=tomorrow, end_tokens=end_tokens, event=EVENT)
    with pytest.raises(ApiKeyNotFound):
        store.revoke_key("unknown", now=now, end_tokens=end_tokens, event=EVENT)

    assert store.list_keys("billing") == [replace(key, revoke_time=now)]
    assert (first.kind, first.subject) == (RevocationKind.SESSION, key.session_id)
    assert again.revision > first.revision


def test_the_last_use_of_a_key_never_goes_back(
    store: SqlServiceAccountStore, billing: ServiceAccount, key: ApiKey, now: datetime
) -> None:
    store.create(billing, event=EVENT)
    store.add_key(key, event=EVENT)
    later = now + timedelta(minutes=1)

    store.note_uses({})
    store.note_uses({key.key_id: later, "unknown": now})
    store.note_uses({key.key_id: now})

    assert store.list_keys("billing") == [replace(key, last_use_time=later)]
