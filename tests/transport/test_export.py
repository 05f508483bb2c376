"""What an account may see of all that is kept about it, and that nothing stays when it is deleted."""

import ast
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authn.v1.account_service_pb2 import (
    CreateAccountRequest,
    DeleteAccountRequest,
    ExportAccountRequest,
    ExportAccountResponse,
    ImportAccountsRequest,
)
from authn.v1.session_pb2 import Client
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from redis import Redis
from sqlalchemy import MetaData, select

from authsvc.domain.identifiers import SessionId
from authsvc.domain.sessions import ClientInfo
from authsvc.stores.redis.keys import FEED, FEED_FENCE, ROLL, fence, of_session, revision
from authsvc.stores.redis.session_record import unpack
from authsvc.stores.sql.engine import connect
from tests.promises.phone import enrol
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server
from tests.transport.calls import NO_ACCOUNT, attempt, by_key, issue_api_key, refused
from tests.transport.logged import logged
from tests.transport.test_import import CHEAP, OLD, row

DEVICE = {"ip_address": "203.0.113.201", "user_agent": "Teapot/1.0", "device_id": "kitchen-7"}


NOBODYS = {
    *(f"redis {key(partition)!r}" for partition in range(256) for key in (revision, fence)),
    *(f"redis {key!r}" for key in (FEED, FEED_FENCE, ROLL)),
}
"""Where Redis keeps what is about no account."""


def export(service: Service, account_id: str = "", **options: Any) -> ExportAccountResponse:
    return service.account.ExportAccount(ExportAccountRequest(account_id=account_id), **options)


def test_an_account_is_given_what_is_kept_about_it(service: Service) -> None:
    registered = service.register(email="tea@example.com")
    tokens = service.login(registered.account.username, client=Client(**DEVICE))

    data = export(service, metadata=bearer(tokens.access_token))

    assert data.account == registered.account
    assert [s.session_id for s in data.sessions] == [
        *(registered.tokens.session_id, tokens.session_id),
    ]
    assert data.sessions[1].client == Client(**DEVICE)
    assert data.HasField("collect_time")


def test_p_mfa_4_second_factors_are_shown_without_what_they_prove_themselves_with(
    service: Service,
) -> None:
    owner = enrol(service, display_name="kitchen phone")

    data = export(service, metadata=bearer(owner.tokens.access_token))

    assert [(f.factor_id, f.display_name) for f in data.factors] == [
        (owner.factor_id, "kitchen phone")
    ]
    assert data.recovery_codes_left == len(owner.recovery_codes)
    text = repr(data) + data.SerializeToString().decode("latin-1")
    assert not any(secret in text for secret in (owner.secret, *owner.recovery_codes))


def test_p_obs_1_no_secret_is_given_and_the_export_is_an_event(service: Service) -> None:
    registered = service.register()
    with logged() as log:
        data = export(service, registered.account.account_id)

    (event,) = log.events("account.exported")
    assert event["subject"] == registered.account.account_id
    text = str(data)
    assert "$argon2" not in text
    assert PASSWORD not in text
    assert registered.tokens.refresh_token not in text
    assert not list(_secrets(ExportAccountResponse.DESCRIPTOR))


def _secrets(message: Descriptor) -> Iterator[FieldDescriptor]:
    for field in message.fields:
        if field.GetOptions().debug_redact:
            yield field
        if field.message_type is not None:
            yield from _secrets(field.message_type)


def test_p_int_1_another_account_is_given_to_nobody_without_the_scope(production: Service) -> None:
    writer, _ = issue_api_key(production, "authsvc.accounts.write")
    reader, _ = issue_api_key(production, "authsvc.accounts.read")
    new = {"username": f"e{secrets.token_hex(6)}", "password": PASSWORD}
    made = production.account.CreateAccount(CreateAccountRequest(**new), metadata=by_key(writer))
    other = made.account.account_id

    assert refused(lambda: export(production, other, metadata=by_key(writer))).reason in {
        *("ACCESS_DENIED", "TOKEN_REQUIRED"),
    }
    assert export(production, other, metadata=by_key(reader)).account == made.account
    missing = refused(lambda: export(production, NO_ACCOUNT, metadata=by_key(reader)))
    assert missing.reason == "ACCOUNT_NOT_FOUND"


def everything(service: Service) -> dict[str, str]:
    """All that SQL and Redis hold, in every table and under every key."""
    found: dict[str, str] = {}
    engine = connect(service.app.config.sql_url())
    with engine.connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        for name, table in tables.tables.items():
            found[f"sql {name}"] = repr(connection.execute(select(table)).all())
    engine.dispose()
    with connected(service) as redis:
        for key in redis.scan_iter():
            found[f"redis {key!r}"] = repr(_READ[redis.type(key)](redis, key))
    return found


_READ: dict[bytes, Callable[..., object]] = {
    b"string": lambda redis, key: redis.get(key),
    b"hash": lambda redis, key: redis.hgetall(key),
    b"set": lambda redis, key: redis.smembers(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1, withscores=True),
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"stream": lambda redis, key: redis.xrange(key),
}


def connected(service: Service) -> "Redis":
    url = service.app.config.redis_url
    assert url is not None
    return Redis.from_url(url.get_secret_value())


def holders(service: Service, *words: str) -> set[str]:
    """Where any of the words is found, in whatever spelling a store may have."""
    spelt = {s for word in words for s in (word, word.lower(), word.encode().hex(), word.upper())}
    return {
        place
        for place, text in everything(service).items()
        if any(word in place + text for word in spelt)
    }


def test_what_is_deleted_leaves_nothing_personal_in_any_table_or_key(
    redis: Server, tmp_path: Path
) -> None:
    """What names the opaque id stays until the last token that it kills would have ended, and in
    events for as long as these are kept; what counts attempts names nobody, and ends with its window.
    """
    with running(data=tmp_path, redis_url=redis.url) as service:
        before = set(everything(service))
        name, email = "Purged-Person", "Purged.Person@example.com"
        given = row(username=name, email=email, password_hash=CHEAP, external_id="ext-purged")
        taken = service.account.ImportAccounts(iter([ImportAccountsRequest(accounts=[given])]))
        account_id = taken.results[0].account_id
        tokens = service.login(name, password=OLD, client=Client(**DEVICE))
        attempt(service, name, "wrong", client=Client(**DEVICE))
        attempt(service, email, "wrong", client=Client(**DEVICE))
        session_id = SessionId(tokens.session_id)
        record = of_session(session_id).record
        with connected(service) as client:
            assert unpack(session_id, client.get(record)).client == ClientInfo(**DEVICE)
        assert holders(service, name, email, "ext-purged") == {"sql accounts"}

        service.account.DeleteAccount(DeleteAccountRequest(account_id=account_id))

        assert holders(service, name, email, "ext-purged", *DEVICE.values()) == set()
        opaque = holders(service, account_id, account_id.removeprefix("acc_"))
        assert {place for place in opaque if place.startswith("sql")} == {
            *("sql events", "sql revocations"),
        }
        with connected(service) as client:
            assert not client.exists(record)
            for place in set(everything(service)) - before - NOBODYS:
                ends = client.pttl(ast.literal_eval(place.removeprefix("redis ")))
                assert ends > 0, place
        assert refused(lambda: export(service, account_id)).reason == "ACCOUNT_NOT_FOUND"


@pytest.mark.parametrize("account_id", ["acc_", "x", "acc_" + "G" * 32])
def test_what_names_no_account_is_refused(account_id: str, service: Service) -> None:
    assert refused(lambda: export(service, account_id)).reason == "INVALID_REQUEST"
