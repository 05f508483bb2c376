"""No more wrong guesses are answered than are borne, whatever is lost or done at once (P-THR-1)."""

import sqlite3
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path

from authn.v1.account_service_pb2 import ChangePasswordRequest, DeleteAccountRequest

from tests.porch.processes import eventually
from tests.promises.asking import Pair, events
from tests.promises.guessing import (
    DEVICE,
    FREE,
    THROTTLED,
    WRONG,
    exhaust,
    logs_in,
    pass_time,
    read_only,
    told,
    told_at_once,
)
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def flush(server: Server) -> None:
    """Make Redis forget everything."""
    with server.client() as client:
        client.flushall()


def kept(data: Path) -> AbstractContextManager[sqlite3.Connection]:
    """What SQL holds, behind the service's back."""
    return closing(sqlite3.connect(data / "authsvc.db"))


def count(database: sqlite3.Connection, table: str) -> int:
    """How many rows a table has."""
    found: tuple[int] = database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    return found[0]


def test_p_thr_1_p_dur_1_an_emptied_redis_gives_no_more_guesses(
    own: Service, own_redis: Server
) -> None:
    username = own.register().account.username
    for name in (username, "nobody-has-this-name"):
        answers = []
        for _ in range(FREE + 2):
            answers.append(told(own, name))
            flush(own_redis)
        assert answers == [WRONG] * FREE + [THROTTLED] * 2
    assert not logs_in(own, username)


def test_p_thr_1_p_dur_1_a_restart_of_everything_gives_no_more_guesses(
    own_redis: Server, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        username = service.register().account.username
        assert {told(service, username) for _ in range(FREE - 1)} == {WRONG}
    own_redis.kill()
    own_redis.empty()
    own_redis.start()
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        assert told(service, username) == WRONG
        assert told(service, username) == THROTTLED


def test_p_thr_1_two_services_count_together(pair: Pair) -> None:
    username = pair.first.register().account.username
    answers = [told(service, username) for service in (pair.first, pair.second) * FREE]
    assert answers == [WRONG] * FREE + [THROTTLED] * FREE


def test_p_thr_1_guesses_by_name_and_by_address_count_together_and_nobody_is_told(
    own: Service,
) -> None:
    """The address behaves as if it were nobody's; the right password is not let in either."""
    account = own.register(email="owner@guesses.test").account
    own.verify_email(account)
    exhaust(own, account.username)

    assert not logs_in(own, account.email)
    exhaust_after_one = [told(own, account.email) for _ in range(FREE)]
    nobodys = [told(own, "nobody@guesses.test") for _ in range(FREE + 1)]

    assert [WRONG, *exhaust_after_one] == nobodys
    pass_time(own, 20 * MINUTE)
    assert logs_in(own, account.email)


def test_p_thr_1_parallel_guesses_by_both_names_are_answered_no_more_often(own: Service) -> None:
    account = own.register(email="both@guesses.test").account
    own.verify_email(account)
    told_at_once(own, [account.username, account.email] * FREE)
    pass_time(own, timedelta(seconds=29))
    # Whatever was answered: at least as many were counted as may be wrong before the first wait.
    while told(own, account.username) == WRONG or told(own, account.email) == WRONG:
        pass
    assert not logs_in(own, account.username)
    assert not logs_in(own, account.email)


def test_p_thr_1_after_a_wait_one_guess_is_answered_and_the_next_waits_longer(
    own: Service,
) -> None:
    username = own.register().account.username
    exhaust(own, username)
    waited = [timedelta(seconds=30), MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 15 * MINUTE]
    for wait in (*waited, 15 * MINUTE):
        pass_time(own, wait - timedelta(seconds=20))
        assert told(own, username) == THROTTLED
        pass_time(own, timedelta(seconds=20))
        answers = told_at_once(own, [username] * 4)
        assert answers.count(WRONG) <= 1
        assert WRONG in answers or told(own, username) == WRONG
        assert told(own, username) == THROTTLED


def test_p_thr_1_a_right_password_ends_the_row(own: Service) -> None:
    username = own.register().account.username
    for _ in range(3):
        assert {told(own, username) for _ in range(FREE - 1)} == {WRONG}
        assert logs_in(own, username)
    exhaust(own, username)


def test_p_flt_1_while_sql_takes_no_write_nobody_learns_whether_a_password_is_right(
    own: Service,
) -> None:
    username = own.register().account.username
    with read_only(own):
        assert told(own, username, PASSWORD) == told(own, username) == "STORE_UNAVAILABLE"
    assert logs_in(own, username)


def test_the_end_of_patience_is_an_event(own: Service) -> None:
    username = own.register().account.username
    assert {told(own, username) for _ in range(FREE - 1)} == {WRONG}
    assert events(own, "attempts.exhausted") == 0
    told(own, username)
    assert events(own, "attempts.exhausted") == 1
    told(own, username)
    assert events(own, "attempts.exhausted") == 1


def test_p_thr_2_a_changed_password_starts_anew(own: Service) -> None:
    registered = own.register(email="anew@guesses.test")
    account, me = registered.account, bearer(registered.tokens.access_token)
    own.verify_email(account)
    exhaust(own, account.email)
    pass_time(own, MINUTE)
    request = ChangePasswordRequest(current_password=PASSWORD, new_password="new " + PASSWORD)
    own.account.ChangePassword(request, metadata=me)
    assert told(own, account.email, "new " + PASSWORD) == "OK"


def test_a_name_that_was_guessed_at_before_it_was_taken_is_its_owners(own: Service) -> None:
    exhaust(own, "a-fine-name")
    own.register(username="a-fine-name")
    pass_time(own, MINUTE)
    assert logs_in(own, "a-fine-name")
    exhaust(own, "a-fine-name")


def test_what_need_not_be_remembered_is_forgotten_by_the_housekeeping(
    own_redis: Server, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        username = service.register().account.username
        assert logs_in(service, username, device_id=DEVICE)
        assert told(service, username) == WRONG
    flush(own_redis)  # the lease of the one who kept house before
    with kept(tmp_path) as database:
        database.execute("UPDATE guesses SET forget_time = 1")
        database.execute("UPDATE devices SET last_use_time = 1")
        database.commit()
        with running(data=tmp_path, redis_url=own_redis.url):
            assert eventually(lambda: not count(database, "guesses"))
            assert eventually(lambda: not count(database, "devices"))


def test_nothing_is_kept_about_a_deleted_account(own: Service) -> None:
    account = own.register().account
    exhaust(own, account.username)
    own.account.DeleteAccount(DeleteAccountRequest(account_id=account.account_id))
    with kept(own.app.config.data) as database:
        assert count(database, "guesses") == 0
