"""Importing accounts: what becomes of rows, of streams that are cut, and of the passwords."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import bcrypt
import grpc
import pytest
from authn.v1.account_import_pb2 import ImportedAccount, ImportOutcome
from authn.v1.account_pb2 import AccountState
from authn.v1.account_service_pb2 import (
    DeleteAccountRequest,
    GetAccountRequest,
    ImportAccountsRequest,
    ImportAccountsResponse,
    UpdateAccountRequest,
)
from authn.v1.service_account_service_pb2 import RevokeApiKeyRequest
from authn.v1.token_service_pb2 import GetJwksRequest
from google.protobuf.field_mask_pb2 import FieldMask
from passlib import hash as passlib
from sqlalchemy import select

from authsvc.domain.foreign_hashes.foreign_hash import HashKind
from authsvc.domain.foreign_hashes.schemes import read_hash
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.hash_kinds import SqlHashKindStore
from authsvc.stores.sql.schema import accounts
from authsvc.transport.requests import REQUEST_STREAMS
from tests.porch.processes import eventually
from tests.service import PASSWORD, Service, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import attempt, by_key, issue_api_key, refused
from tests.transport.logged import logged

OLD = "the old one"
SALT = "." * 22
CHEAP = bcrypt.hashpw(OLD.encode(), f"$2b$04${SALT}".encode()).decode()
HASHES = {
    "bcrypt": bcrypt.hashpw(OLD.encode(), f"$2b$10${SALT}".encode()).decode(),
    "bcrypt-weak": CHEAP,
    "scrypt": passlib.scrypt.using(rounds=14).hash(OLD),
    "pbkdf2": passlib.pbkdf2_sha256.using(rounds=100_000).hash(OLD),
    "pbkdf2-weak": passlib.pbkdf2_sha512.using(rounds=1_000).hash(OLD),
    "django": passlib.django_pbkdf2_sha256.using(rounds=1_000).hash(OLD),
    "argon2id": passlib.argon2.using(type="ID", memory_cost=20_000, rounds=2).hash(OLD),
    "argon2i-weak": passlib.argon2.using(type="I", memory_cost=512, rounds=1).hash(OLD),
    "sha256-crypt": passlib.sha256_crypt.using(rounds=1_000).hash(OLD),
    "sha512-crypt": passlib.sha512_crypt.using(rounds=1_000).hash(OLD),
    "ssha256": passlib.ldap_salted_sha256.hash(OLD),
    "ssha512": passlib.ldap_salted_sha512.hash(OLD),
    "ours": passlib.argon2.using(type="ID", memory_cost=8, rounds=1, parallelism=1).hash(OLD),
}
_number = itertools.count()


@pytest.fixture(name="old", scope="session")
def _old(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that holds an account with a hash of each kind."""
    data = Path(tmp_path_factory.mktemp("old"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        rows = [row(username=f"has-{name}", password_hash=text) for name, text in HASHES.items()]
        assert outcomes(take(service, rows)) == ["CREATED"] * len(HASHES)
        yield service


def row(**fields: Any) -> ImportedAccount:
    """A row with a name of its own."""
    number = next(_number)
    given = {"external_id": f"id{number}", "username": f"old{number}", **fields}
    return ImportedAccount(**given)


def take(service: Service, *batches: Iterable[ImportedAccount]) -> ImportAccountsResponse:
    """Import batches in one stream."""
    requests = (ImportAccountsRequest(accounts=batch) for batch in batches)
    return service.account.ImportAccounts(requests, timeout=60)


def outcomes(response: ImportAccountsResponse) -> list[str]:
    """What became of each row."""
    names = [ImportOutcome.Name(result.outcome) for result in response.results]
    return [name.removeprefix("IMPORT_OUTCOME_") for name in names]


def kept(service: Service, username: str) -> Any:
    """The account's row in SQL."""
    engine = connect(service.app.config.sql_url())
    with engine.connect() as connection:
        key = username.lower().encode()
        found = connection.execute(select(accounts).where(accounts.c.username_key == key)).one()
    engine.dispose()
    return found


def find(service: Service, account_id: str) -> Any:
    return service.account.GetAccount(GetAccountRequest(account_id=account_id)).account


def test_a_row_that_cannot_be_imported_spoils_no_other(old: Service) -> None:
    old.register(username="Registered")
    cases = {
        "CREATED": row(),
        "USERNAME_TAKEN": row(username="registered"),
        "UNSUPPORTED_HASH": row(password_hash="$1$salt$AAAAAAAAAAAAAAAAAAAAAA"),
        "COST_OUT_OF_RANGE": row(password_hash=f"$2b$31${SALT}{'.' * 31}"),
        "INVALID": row(email="nobody"),
    }
    rows = [*cases.values(), row(username="x y"), row(external_id=""), row(roles=["A"]), row()]

    response = take(old, rows)

    assert outcomes(response) == [*cases, "INVALID", "INVALID", "INVALID", "CREATED"]
    assert [r.external_id for r in response.results] == [r.external_id for r in rows]
    assert all(bool(r.account_id) != bool(r.reason) for r in response.results)
    assert response.results[4].reason.startswith("email: ")
    counts = (response.created_count, response.existing_count, response.refused_count)
    assert counts == (2, 0, 7)


def test_an_account_is_as_the_row_says(old: Service) -> None:
    given = row(
        email="Old@Example.com",
        email_verified=True,
        roles=["b", "a"],
        state=AccountState.ACCOUNT_STATE_DISABLED,
        password_hash=CHEAP,
    )
    given.create_time.FromJsonString("2020-01-31T12:00:00.123456Z")

    found = find(old, take(old, [given]).results[0].account_id)

    assert (found.username, found.email, found.email_verified) == (
        *(given.username, given.email, True),
    )
    assert list(found.roles) == ["a", "b"]
    assert found.state == AccountState.ACCOUNT_STATE_DISABLED
    assert found.create_time == given.create_time
    assert not found.HasField("password_change_time")
    assert attempt(old, given.username, OLD).reason == "INVALID_CREDENTIALS"


def test_a_time_to_come_and_a_proof_without_an_address_are_not_taken(old: Service) -> None:
    given = row(email_verified=True)
    given.create_time.FromJsonString("2099-01-01T00:00:00Z")

    found = find(old, take(old, [given]).results[0].account_id)

    assert found.create_time.ToDatetime().year < 2099
    assert not found.email_verified


def test_rows_that_are_sent_again_change_nothing_whatever_has_become_of_the_account(
    old: Service,
) -> None:
    rows = [row(password_hash=CHEAP), row(email="a@example.com"), row()]
    first = take(old, rows)
    old.login(rows[0].username, password=OLD)
    old.account.UpdateAccount(
        UpdateAccountRequest(
            account_id=first.results[1].account_id,
            username=f"{rows[1].username}-renamed",
            update_mask=FieldMask(paths=["username"]),
        )
    )
    for one in rows:
        one.external_id += "-again"

    second = take(old, rows, rows[:1])

    assert outcomes(second) == ["ALREADY_EXISTS"] * 4
    assert [r.account_id for r in second.results[:3]] == [r.account_id for r in first.results]
    assert find(old, first.results[1].account_id).username.endswith("-renamed")


@pytest.mark.parametrize(
    "other", [{"email": "other@example.com"}, {"roles": ["x"]}, {"password_hash": CHEAP}]
)
def test_a_row_with_other_data_takes_nobodys_account(old: Service, other: dict[str, Any]) -> None:
    given = row(email="mine@example.com")
    changed = ImportedAccount()
    changed.CopyFrom(given)
    changed.MergeFrom(ImportedAccount(**other))

    assert outcomes(take(old, [given], [changed])) == ["CREATED", "USERNAME_TAKEN"]
    assert outcomes(take(old, [row(username="Twin"), row(username="tWIN", email="t@x.org")])) in (
        ["CREATED", "USERNAME_TAKEN"],
        ["ALREADY_EXISTS", "USERNAME_TAKEN"],
    )


def test_of_two_copies_of_a_row_one_makes_the_account(old: Service) -> None:
    given = row()

    response = take(old, [given, given], [given])

    assert outcomes(response) == ["CREATED", "ALREADY_EXISTS", "ALREADY_EXISTS"]
    assert len({result.account_id for result in response.results}) == 1


@pytest.mark.parametrize("name", HASHES)
def test_p_pw_1_the_first_login_turns_a_foreign_hash_into_one_of_ours(
    name: str, old: Service
) -> None:
    username = f"has-{name}"
    assert attempt(old, username, OLD + "x").reason == "INVALID_CREDENTIALS"

    old.login(username, password=OLD)

    after = kept(old, username)
    assert after.password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert (after.hash_family, after.hash_work) == (None, None)
    old.login(username, password=OLD)


def test_p_pw_1_no_weak_hash_rests_in_the_database(old: Service) -> None:
    for text in (text for name, text in HASHES.items() if name != "ours"):
        foreign = read_hash(text)
        given = row(password_hash=text)
        take(old, [given])
        stored = kept(old, given.username).password_hash
        assert (foreign.digest in stored) != foreign.is_weak


def test_p_pw_2_after_the_conversion_the_whole_password_counts(old: Service) -> None:
    long = "ä" * 36 + " and what bcrypt left out"
    text = bcrypt.hashpw(long.encode()[:72], f"$2b$04${SALT}".encode()).decode()
    given = row(password_hash=text)
    take(old, [given])
    assert attempt(old, given.username, "ä" * 35).reason == "INVALID_CREDENTIALS"

    old.login(given.username, password=long)

    assert attempt(old, given.username, "ä" * 36).reason == "INVALID_CREDENTIALS"
    old.login(given.username, password=long)


def test_p_thr_3_a_refusal_is_the_same_for_every_kind_and_for_nobody(old: Service) -> None:
    some = ("bcrypt", "pbkdf2-weak", "argon2id", "ssha512", "ours")
    given = [row(password_hash=HASHES[name]) for name in some]
    disabled = row(password_hash=CHEAP, state=AccountState.ACCOUNT_STATE_DISABLED)
    take(old, [*given, row(), disabled])
    old.register(username="native")

    told = {attempt(old, one.username, "wrong").raw for one in given}
    told |= {attempt(old, name, "wrong").raw for name in ("nobody-at-all", "native")}
    told |= {attempt(old, disabled.username, OLD).raw}

    assert len(told) == 1


def test_p_thr_3_every_kind_is_known_before_an_account_has_it(old: Service) -> None:
    engine = connect(old.app.config.sql_url())
    known = {kind.family for kind in SqlHashKindStore(engine, old.clock).list()}
    engine.dispose()

    foreign = [read_hash(text) for name, text in HASHES.items() if name != "ours"]
    kinds = [one.kind for one in foreign if one.kind is not None]
    assert {kind.family for kind in kinds} <= known
    assert HashKind("bcrypt", 10) in kinds


class _Paced:
    """Batches that leave one by one, when the test says so."""

    def __init__(self, *batches: ImportAccountsRequest) -> None:
        self._batches = batches
        self.go_on = threading.Semaphore(0)

    def __iter__(self) -> Iterator[ImportAccountsRequest]:
        for batch in self._batches:
            yield batch
            self.go_on.acquire()


def _opened(service: Service, batches: _Paced, **options: Any) -> Any:
    return service.account.ImportAccounts.future(iter(batches), **options)


def _exists(service: Service, username: str) -> Callable[[], bool]:
    def found() -> bool:
        engine = connect(service.app.config.sql_url())
        with engine.connect() as connection:
            this = accounts.c.username_key == username.encode()
            rows = connection.execute(select(accounts.c.account_id).where(this)).all()
        engine.dispose()
        return bool(rows)

    return found


def test_p_dur_1_what_was_committed_before_a_cut_stays_and_is_not_made_twice(
    old: Service,
) -> None:
    rows = [row(), row()]
    batches = _Paced(*(ImportAccountsRequest(accounts=[one]) for one in rows))
    call = _opened(old, batches)
    assert eventually(_exists(old, rows[0].username))

    call.cancel()
    batches.go_on.release()

    assert outcomes(take(old, rows)) == ["ALREADY_EXISTS", "CREATED"]


def test_a_bad_batch_ends_the_stream_and_leaves_what_came_before(old: Service) -> None:
    rows = [row(), row()]
    refusal = refused(lambda: take(old, rows, [row()] * 1_001))

    assert refusal.reason == "INVALID_REQUEST"
    assert refusal.fields == ("accounts",)
    assert outcomes(take(old, rows)) == ["ALREADY_EXISTS"] * 2


def test_p_api_1_a_stream_takes_no_more_rows_than_its_response_can_tell_of(old: Service) -> None:
    worst = row(external_id="x" * 128, username="no name", email="no address", roles=["A"] * 2)
    full = [[worst] * 1_000] * 10

    response = take(old, *full)
    refusal = refused(lambda: take(old, *full, [worst]))

    assert len(response.results) == 10_000
    assert response.ByteSize() < 4 * 1024 * 1024
    assert (refusal.reason, refusal.fields) == ("INVALID_REQUEST", ("accounts",))


def test_p_api_1_importers_that_send_nothing_hold_nobody_up(old: Service) -> None:
    waiting = [_Paced(ImportAccountsRequest(accounts=[row()])) for _ in range(REQUEST_STREAMS)]
    names = [next(iter(one)).accounts[0].username for one in waiting]
    calls = [_opened(old, one) for one in waiting]
    try:
        for name in names:
            assert eventually(_exists(old, name))
        full = refused(lambda: take(old, [row()]))
        answers = [old.token.GetJwks.future(GetJwksRequest(), timeout=20) for _ in range(100)]
        assert all(answer.result().keys for answer in answers)
    finally:
        for one in waiting:
            one.go_on.release(2)
    assert full.reason == "OVERLOADED"
    assert full.retry_after is not None
    assert all(outcomes(call.result(timeout=20)) == ["CREATED"] for call in calls)
    assert eventually(lambda: outcomes(take(old, [row()])) == ["CREATED"])


def test_p_int_1_whoever_loses_the_right_to_import_is_not_heard_to_the_end(
    production: Service,
) -> None:
    key, key_id = issue_api_key(production, "authsvc.accounts.write")
    rows = [row(), row()]
    batches = _Paced(*(ImportAccountsRequest(accounts=[one]) for one in rows))
    call = _opened(production, batches, metadata=by_key(key))
    assert eventually(_exists(production, rows[0].username))
    administrator, _ = issue_api_key(production, "authsvc.services.write")
    request = RevokeApiKeyRequest(key_id=key_id)
    production.service_account.RevokeApiKey(request, metadata=by_key(administrator))

    batches.go_on.release()
    refusal = refused(lambda: call.result(timeout=20))

    assert refusal.reason == "CALLER_UNAUTHENTICATED"
    assert not _exists(production, rows[1].username)()


def test_p_int_1_nobody_is_let_in_to_send_nothing(production: Service) -> None:
    refusal = refused(lambda: production.account.ImportAccounts(iter(()), timeout=20))
    assert refusal.reason == "CALLER_UNAUTHENTICATED"


def test_an_empty_stream_imports_nothing(old: Service) -> None:
    assert outcomes(take(old)) == []
    assert outcomes(take(old, [])) == []


def test_p_obs_1_each_account_that_is_made_is_an_event_and_no_hash_is_told(old: Service) -> None:
    rows = [row(password_hash=text) for text in (CHEAP, HASHES["bcrypt"], "$1$canary$digest")]
    with logged() as log:
        response = take(old, rows)
        take(old, rows)

    made = log.events("account.created")
    assert [line["subject"] for line in made] == [r.account_id for r in response.results[:2]]
    text = repr(log.lines) + str(response)
    assert not any(one.password_hash in text for one in rows)
    assert read_hash(CHEAP).digest not in text


def test_a_deleted_account_is_imported_anew(old: Service) -> None:
    given = row()
    first = take(old, [given]).results[0].account_id
    old.account.DeleteAccount(DeleteAccountRequest(account_id=first))

    second = take(old, [given])

    assert outcomes(second) == ["CREATED"]
    assert second.results[0].account_id != first


def test_the_password_of_an_imported_account_can_be_the_policys_least(old: Service) -> None:
    """It keeps the password that it has, whatever the policy asks of new ones."""
    assert len(OLD) < len(PASSWORD)
    given = row(password_hash=CHEAP)
    take(old, [given])
    with pytest.raises(grpc.RpcError):
        old.register(username="short-one", password=OLD)
    old.login(given.username, password=OLD)
