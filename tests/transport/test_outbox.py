"""P-OBS-1: what is changed in SQL is committed with its event, and never without."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from authn.v1.account_import_pb2 import ImportedAccount
from authn.v1.account_service_pb2 import ImportAccountsRequest
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.factor_service_pb2 import DeleteFactorRequest, RegenerateRecoveryCodesRequest
from authn.v1.service_account_service_pb2 import (
    DeleteServiceAccountRequest,
    DisableServiceAccountRequest,
    EnableServiceAccountRequest,
    RevokeApiKeyRequest,
    UpdateServiceAccountRequest,
)
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import Connection, Engine, event

from authsvc.domain.events import EventType
from tests.callers import make_caller
from tests.passkeys.people import Person
from tests.promises.phone import challenge, complete, enrol
from tests.service import Service, bearer, running
from tests.stores.hot.servers import valkey
from tests.transport.test_canaries import live_through

_WRITE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")

_WITHOUT_CHANGE = {
    EventType.LOGIN,  # what a login opens is in Redis
    EventType.LOGIN_CHALLENGED,
    EventType.SESSION_REFRESHED,  # is not kept
    EventType.ACCOUNT_EXPORTED,
    EventType.SERVICE_TOKEN_ISSUED,
    EventType.TOKEN_EXCHANGED,
    EventType.PASSKEY_CLONE_SUSPECTED,  # is a refusal
}
_WITHOUT_EVENT = {
    "devices",  # belong to a login
    "guesses",  # to a refusal, or to a right guess that ends the row
    "hash_kinds",
    "settings",
    "api_keys",  # when a key was last used
    "one_time_codes",  # a wrong guess at a code
    "passkeys",  # a use that is part of a login
    "factors",  # when it was
    "events_head",
}
"""What may be written by itself."""


@dataclass(slots=True)
class Commit:
    """What one transaction wrote."""

    tables: set[str] = field(default_factory=set)
    events: list[tuple[str, bool]] = field(default_factory=list)
    """Types, and whether the act succeeded."""


@contextmanager
def _watching() -> Iterator[list[Commit]]:
    """Give what all transactions of this process commit."""
    commits: list[Commit] = []
    open_: dict[int, Commit] = {}

    def written(
        connection: Connection, cursor: Any, statement: str, _given: Any, context: Any, _many: bool
    ) -> None:
        found = _WRITE.match(statement)
        if found and cursor.rowcount > 0:
            commit = open_.setdefault(id(connection), Commit())
            commit.tables.add(found[1])
            if found[1] == "events":
                rows = context.compiled_parameters
                commit.events += [(row["type"], row["succeeded"]) for row in rows if "type" in row]

    def committed(connection: Connection) -> None:
        if commit := open_.pop(id(connection), None):
            commits.append(commit)

    def rolled_back(connection: Connection) -> None:
        open_.pop(id(connection), None)

    listeners = {
        "after_cursor_execute": written,
        "commit": committed,
        "rollback": rolled_back,
    }
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield commits
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def _live_on(service: Service) -> None:
    """Do what else there is to be done."""
    services, caller = service.service_account, make_caller(service)
    mask = FieldMask(paths=["scopes"])
    services.UpdateServiceAccount(
        UpdateServiceAccountRequest(name=caller.name, scopes=["a"], update_mask=mask)
    )
    services.RevokeApiKey(RevokeApiKeyRequest(key_id=caller.key_id))
    services.DisableServiceAccount(DisableServiceAccountRequest(name=caller.name))
    services.EnableServiceAccount(EnableServiceAccountRequest(name=caller.name))
    services.DeleteServiceAccount(DeleteServiceAccountRequest(name=caller.name))

    owner = enrol(service)
    complete(service, challenge(service, owner), recovery_code=owner.recovery_codes[0])
    me = bearer(owner.tokens.access_token)
    service.factor.RegenerateRecoveryCodes(RegenerateRecoveryCodesRequest(), metadata=me)
    service.factor.DeleteFactor(DeleteFactorRequest(factor_id=owner.factor_id), metadata=me)
    person = Person(service)
    person.enrol()
    person.both()
    person.login()
    service.session.RevokeAllSessions(RevokeAllSessionsRequest(), metadata=person.me)

    batch = ImportAccountsRequest(accounts=[ImportedAccount(external_id="1", username="moved")])
    service.account.ImportAccounts(iter([batch]))
    for _ in range(10):
        with pytest.raises(grpc.RpcError):
            service.auth.Login(LoginRequest(identifier="moved", password="wrong"))


@pytest.fixture(name="commits", scope="module")
def _commits(
    transport: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Sequence[Commit]:
    """What a service commits that does everything once."""
    data = Path(tmp_path_factory.mktemp("outbox"))
    with (
        valkey() as redis,
        running(data=data, redis_url=redis.url) as service,
        _watching() as commits,
    ):
        live_through(service)
        _live_on(service)
    return commits


def test_p_obs_1_nothing_is_changed_without_an_event_of_the_same_transaction(
    commits: Sequence[Commit],
) -> None:
    silent = [commit.tables for commit in commits if not commit.events]
    assert silent
    assert [tables for tables in silent if not tables <= _WITHOUT_EVENT] == []


def test_p_obs_1_no_event_of_a_change_is_committed_by_itself(commits: Sequence[Commit]) -> None:
    alone = {
        kind
        for commit in commits
        if commit.tables == {"events", "events_head"}
        for kind, succeeded in commit.events
        if succeeded
    }
    # The last: all others were revoked when there was none.
    assert alone == {"login", "login.challenged", "sessions.revoked"}


def test_p_obs_1_all_acts_were_looked_at(commits: Sequence[Commit]) -> None:
    together = {
        kind
        for commit in commits
        if commit.tables > {"events", "events_head"}
        for kind, _ in commit.events
    }
    assert together == set(EventType) - _WITHOUT_CHANGE
