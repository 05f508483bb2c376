"""No outage uses a one-time code up, and no other Redis brings a used one back (P-FLT-1 to 3)."""

import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from authn.v1.auth_service_pb2 import (
    CompletePasswordResetRequest,
)

from authsvc.domain.identifiers import new_account_id
from authsvc.domain.one_time_codes import GuessLimit, KeptCode
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.migrate import upgrade
from authsvc.stores.sql.one_time_codes import SqlOneTimeCodeStore
from authsvc.system_clock import steady_clock
from tests.porch.processes import eventually
from tests.promises.asking import Pair
from tests.promises.codes import (
    NEW_PASSWORD,
    account,
    complete,
    logs_in,
    new_email,
    start,
    start_outcome,
)
from tests.service import PASSWORD, Service, running
from tests.stores.hot.servers import Server
from tests.stores.outbox import EVENT, outbox

REQUESTS = 5


def test_p_flt_2_a_redis_from_before_brings_no_used_code_back(
    own: Service, own_redis: Server, tmp_path: Path
) -> None:
    made = account(own)
    code = start(own, made.email)
    own_redis.kill()
    shutil.copytree(own_redis.directory / "appendonlydir", tmp_path / "before")
    own_redis.start()
    assert complete(own, code, made.email) == ""

    own_redis.kill()
    shutil.rmtree(own_redis.directory / "appendonlydir")
    shutil.copytree(tmp_path / "before", own_redis.directory / "appendonlydir")
    own_redis.start()

    assert complete(own, code, made.email, "another " + NEW_PASSWORD) == "INVALID_CODE"
    assert logs_in(own, made)


def test_p_flt_2_an_emptied_redis_takes_no_code_away(own: Service, own_redis: Server) -> None:
    made = account(own)
    code = start(own, made.email)
    with own_redis.client() as client:
        client.flushall()

    assert complete(own, code, made.email) == ""


@contextmanager
def without_table(service: Service, name: str) -> Iterator[None]:
    """Have SQL fail at one step."""
    database = sqlite3.connect(service.app.config.data / "authsvc.db", isolation_level=None)
    try:
        database.execute(f"ALTER TABLE {name} RENAME TO hidden")
        yield
    finally:
        database.execute(f"ALTER TABLE hidden RENAME TO {name}")
        database.close()


@pytest.mark.parametrize("table", ["one_time_codes", "accounts", "revocations"])
def test_p_flt_1_an_outage_of_sql_at_any_step_uses_no_code_up(pair: Pair, table: str) -> None:
    service = pair.first
    made = account(service, email=new_email())
    code = start(service, made.email)
    with without_table(service, table):
        assert complete(service, code, made.email) == "STORE_UNAVAILABLE"
    assert logs_in(service, made, PASSWORD)

    assert complete(service, code, made.email) == ""


def test_p_flt_1_a_code_that_was_not_issued_for_an_outage_counts_for_nothing(pair: Pair) -> None:
    service = pair.first
    made = account(service)
    with without_table(service, "one_time_codes"):
        for _ in range(2 * REQUESTS):
            assert start_outcome(service, made.email) == "STORE_UNAVAILABLE"

    assert complete(service, start(service, made.email), made.email) == ""


def test_p_flt_1_an_outage_of_redis_uses_no_code_up(own: Service, own_redis: Server) -> None:
    made = account(own)
    code = start(own, made.email)
    own_redis.kill()
    assert complete(own, code, made.email) == "STORE_UNAVAILABLE"
    assert start_outcome(own, made.email) == "STORE_UNAVAILABLE"
    own_redis.start()

    assert complete(own, code, made.email) == ""


def test_p_flt_3_a_cancelled_reset_is_done_or_can_be_done_again(own: Service) -> None:
    made = account(own)
    code = start(own, made.email)
    request = CompletePasswordResetRequest(email=made.email, code=code, new_password=NEW_PASSWORD)
    calls = [own.auth.CompletePasswordReset.future(request) for _ in range(10)]
    for call in calls:
        call.cancel()

    again = complete(own, code, made.email)

    assert again in {"", "INVALID_CODE"}
    assert logs_in(own, made, NEW_PASSWORD)


def test_codes_that_have_ended_are_forgotten_in_time(own_redis: Server, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/authsvc.db"
    engine = connect(url)
    upgrade(engine)
    store, now = SqlOneTimeCodeStore(engine, outbox(engine)), steady_clock()()
    for ago in (timedelta(minutes=61), timedelta(minutes=59)):  # an hour for the wrong guesses
        code = KeptCode(
            holder=secrets.token_bytes(32),
            code_hash=secrets.token_bytes(32),
            is_guessable=True,
            account_id=new_account_id(),
            epoch=0,
            address=bytes(32),
            expire_time=now - ago,
        )
        store.keep(code, now=now, event=EVENT, limit=GuessLimit())

    def count() -> int:
        with closing(sqlite3.connect(tmp_path / "authsvc.db")) as database:
            return int(database.execute("SELECT count(*) FROM one_time_codes").fetchone()[0])

    assert count() == 2
    with running(data=tmp_path, redis_url=own_redis.url):
        assert eventually(lambda: count() == 1)
    engine.dispose()
