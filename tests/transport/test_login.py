"""Login, register and change of password, as a caller sees them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    CreateAccountRequest,
    DisableAccountRequest,
    GetPasswordPolicyRequest,
    UpdateAccountRequest,
)
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest

from authsvc.domain.password_policy import MAX_PASSWORD_BYTES
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.engine import connect
from tests.porch.processes import eventually
from tests.promises.asking import metrics
from tests.service import PASSWORD, Service, bearer, reason, running
from tests.stores.hot.servers import Server
from tests.stores.outbox import outbox
from tests.transport.calls import attempt, outcome, refusal_of, refused

WINDOW = timedelta(minutes=5)
LIMIT = 10


def stored_hash(service: Service, identifier: str) -> str:
    """The password hash in SQL."""
    engine = connect(service.app.config.sql_url())
    account = SqlAccountStore(engine, outbox(engine)).find_by_identifier(identifier)
    engine.dispose()
    assert account is not None
    assert account.password_hash is not None
    return account.password_hash


@contextmanager
def full_queue(service: Service) -> Iterator[None]:
    """Let no place be left for a hash within."""
    queue, goes_on, places = service.app.passwords._queue, threading.Event(), 13
    with ThreadPoolExecutor(places) as callers:
        for _ in range(places):
            callers.submit(queue.run, goes_on.wait, time_left=timedelta(minutes=1))
        try:
            assert eventually(lambda: queue._length == places)
            yield
        finally:
            goes_on.set()


def test_p_thr_3_every_failed_login_looks_the_same_to_the_byte(service: Service) -> None:
    disabled = service.register().account
    service.account.DisableAccount(DisableAccountRequest(account_id=disabled.account_id))
    passwordless = service.account.CreateAccount(CreateAccountRequest(username="no-password"))
    known = service.register(email="known@login.test").account.username

    refusals = {
        attempt(service, "nobody-at-all"),
        attempt(service, "nobody@nowhere.test"),
        attempt(service, known, "wrong password for it"),
        attempt(service, "known@login.test", "wrong password for it"),
        attempt(service, disabled.username),
        attempt(service, passwordless.account.username, "x"),
    }

    assert len(refusals) == 1
    refusal = refusals.pop()
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.reason == "INVALID_CREDENTIALS"


def test_p_pw_3_case_does_not_make_another_account(service: Service) -> None:
    made = service.register(username="Alice-Login").account
    assert service.login("alice-login").session_id
    assert service.login("ALICE-LOGIN").session_id
    refusal = refused(lambda: service.register(username="aLICE-lOGIN"))
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    assert refusal.reason == "USERNAME_TAKEN"
    assert made.username == "Alice-Login"


@pytest.mark.parametrize(
    "spelling",
    [
        "\uff41lice-x",
        "alice-x ",
        " alice-x",
        "alice-x\0",
        "alic\u0435-x",
        "alice-x\n",
        "ali\u200bce-x",
    ],
)
def test_p_pw_3_look_alikes_are_neither_made_nor_logged_in(spelling: str, service: Service) -> None:
    outcome(lambda: service.register(username="alice-x"))
    assert service.login("alice-x").session_id
    assert attempt(service, spelling).reason == "INVALID_CREDENTIALS"
    refusal = refused(lambda: service.register(username=spelling))
    assert refusal.reason == "INVALID_REQUEST"
    assert "username" in refusal.fields


def test_p_ref_7_every_login_opens_a_session_of_its_own(service: Service) -> None:
    registered = service.register()
    username = registered.account.username
    ids = {service.login(username).session_id for _ in range(5)}
    assert len(ids | {registered.tokens.session_id}) == 6


def test_p_thr_1_two_hundred_guesses_at_once_cost_ten_hashes(service: Service) -> None:
    username = service.register().account.username

    def guess(number: int) -> str:
        spelling = username.upper() if number % 2 else username
        request = LoginRequest(identifier=spelling, password=f"wrong {number}")
        try:
            service.auth.Login(request)
        except grpc.RpcError as error:
            return reason(error)
        return "OK"

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(guess, range(200)))

    hashed = answers.count("INVALID_CREDENTIALS")
    assert hashed <= LIMIT
    assert answers.count("TOO_MANY_ATTEMPTS") + answers.count("OVERLOADED") == 200 - hashed
    while (last := attempt(service, username, "wrong")).reason == "INVALID_CREDENTIALS":
        hashed += 1
    assert hashed == LIMIT
    assert last.reason == "TOO_MANY_ATTEMPTS"
    assert last.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert last.retry_after is not None
    assert timedelta(0) < last.retry_after <= WINDOW
    # The right password has to wait as well: who is let in, and who is not, must not tell.
    assert attempt(service, username).reason == "TOO_MANY_ATTEMPTS"


def test_p_thr_2_a_success_takes_no_attempt(service: Service) -> None:
    username = service.register().account.username
    for _ in range(LIMIT - 1):
        attempt(service, username, "wrong")
    for _ in range(3):
        assert service.login(username).session_id


def test_p_thr_1_a_change_of_password_shares_the_counter_of_login(service: Service) -> None:
    registered = service.register()
    me = bearer(registered.tokens.access_token)
    request = ChangePasswordRequest(current_password="wrong", new_password="new " + PASSWORD)
    for _ in range(LIMIT):
        refusal = refused(lambda: service.account.ChangePassword(request, metadata=me))
        assert refusal.reason == "INVALID_CREDENTIALS"
    assert attempt(service, registered.account.username).reason == "TOO_MANY_ATTEMPTS"


def test_a_change_of_password_ends_all_and_opens_one(service: Service) -> None:
    registered = service.register()
    username, me = registered.account.username, bearer(registered.tokens.access_token)
    request = ChangePasswordRequest(current_password=PASSWORD, new_password="new " + PASSWORD)
    tokens = service.account.ChangePassword(request, metadata=me).tokens

    again = refused(lambda: service.account.ChangePassword(request, metadata=me))
    assert again.reason == "TOKEN_INACTIVE"
    assert attempt(service, username).reason == "INVALID_CREDENTIALS"
    assert service.login(username, password="new " + PASSWORD).session_id
    service.token.VerifyToken(VerifyTokenRequest(access_token=tokens.access_token))


@pytest.mark.parametrize("scope", ["authsvc.admin", "authsvc.keys.write", "authsvc.", "authsvc.x"])
def test_reserved_scopes_are_for_administrators(scope: str, service: Service) -> None:
    username = service.register().account.username
    assert attempt(service, username, scopes=["orders", scope]).reason == "INVALID_SCOPE"
    register = RegisterRequest(username="scoped", password=PASSWORD, scopes=[scope])
    assert refused(lambda: service.auth.Register(register)).reason == "INVALID_SCOPE"

    account = service.register().account
    service.account.UpdateAccount(
        UpdateAccountRequest(
            account_id=account.account_id,
            roles=["authsvc.admin"],
            update_mask={"paths": ["roles"]},
        )
    )
    tokens = service.login(account.username, scopes=["orders", scope])
    request = VerifyTokenRequest(access_token=tokens.access_token, required_scopes=[scope])
    assert list(service.token.VerifyToken(request).claims.scopes) == ["orders", scope]


def test_no_more_scopes_are_granted_than_a_token_can_hold(service: Service) -> None:
    """With the most and longest roles that an account may have."""
    account = service.register().account
    roles = [f"r{number:063}" for number in range(32)]
    service.account.UpdateAccount(
        UpdateAccountRequest(
            account_id=account.account_id, roles=roles, update_mask={"paths": ["roles"]}
        )
    )
    most = [f"s{number:0126}" for number in range(16)]  # 2,047 characters with the spaces

    assert attempt(service, account.username, scopes=[*most, "s"]).reason == "INVALID_SCOPE"

    token = service.login(account.username, audience="a" * 255, scopes=most).access_token
    request = VerifyTokenRequest(access_token=token, audience="a" * 255, required_scopes=most)
    assert len(service.token.VerifyToken(request).claims.roles) == 32


def test_only_configured_audiences_and_scopes_are_granted(tmp_path: Path, redis: Server) -> None:
    settings = {"audiences": "orders billing", "default_audience": "orders", "scopes": "read"}
    with running(data=tmp_path, redis_url=redis.url, **settings) as service:
        username = service.register().account.username
        assert attempt(service, username, audience="else").reason == "INVALID_AUDIENCE"
        assert attempt(service, username, scopes=["write"]).reason == "INVALID_SCOPE"
        assert attempt(service, username, "wrong", audience="else").reason == "INVALID_CREDENTIALS"
        token = service.login(username, audience="billing", scopes=["read"]).access_token
        verify = VerifyTokenRequest(access_token=token, audience="billing")
        assert service.token.VerifyToken(verify).claims.audience == "billing"
        default = service.login(username).access_token
        verify = VerifyTokenRequest(access_token=default)
        assert service.token.VerifyToken(verify).claims.audience == "orders"


def test_closed_registration_is_for_administrators(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url, registration="closed") as service:
        assert refused(lambda: service.register(username="a")).reason == "ACCESS_DENIED"
        new = CreateAccountRequest(username="a", password=PASSWORD)
        service.account.CreateAccount(new)
        assert service.login("a").session_id


def test_p_pw_6_overlong_passwords_are_refused_before_anything_is_counted(
    service: Service,
) -> None:
    username = service.register().account.username
    for identifier in (username, "nobody-overlong"):
        for password in ("a" * (MAX_PASSWORD_BYTES + 1), "é" * MAX_PASSWORD_BYTES, "a" * 1_000_000):
            for _ in range(LIMIT):
                refusal = attempt(service, identifier, password)
                assert refusal.reason == "INVALID_REQUEST"
                assert refusal.fields == ("password",)
    assert service.login(username).session_id


def test_p_pw_1_a_stale_hash_is_renewed_at_login(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        account = service.register().account
        before = stored_hash(service, account.username)
        service.login(account.username)
        assert stored_hash(service, account.username) == before
    costlier = {"argon2_time_cost": 3, "argon2_memory_cost_kib": 64}
    with running(data=tmp_path, redis_url=redis.url, **costlier) as service:
        attempt(service, account.username, "wrong password")
        assert stored_hash(service, account.username) == before
        service.login(account.username)
        renewed = stored_hash(service, account.username)
        assert renewed.startswith("$argon2id$v=19$m=64,t=3,p=1$")
        service.login(account.username)
        assert stored_hash(service, account.username) == renewed


def test_p_pw_2_every_character_of_a_long_password_counts(service: Service) -> None:
    password = (PASSWORD * 40)[: MAX_PASSWORD_BYTES - 4] + "wxyz"
    assert len(password) == MAX_PASSWORD_BYTES
    username = service.register(password=password).account.username
    assert attempt(service, username, password[:-1]).reason == "INVALID_CREDENTIALS"
    assert attempt(service, username, password[:-1] + "Z").reason == "INVALID_CREDENTIALS"
    assert service.login(username, password=password).session_id


def test_p_pw_3_a_password_typed_on_another_system_is_the_same(service: Service) -> None:
    composed, decomposed = "caf\u00e9 au lait matin", "cafe\u0301 au lait matin"
    username = service.register(password=composed).account.username
    assert service.login(username, password=decomposed).session_id
    assert attempt(service, username, composed.upper()).reason == "INVALID_CREDENTIALS"
    assert attempt(service, username, composed + " ").reason == "INVALID_CREDENTIALS"


def test_the_published_policy_is_the_one_that_is_enforced(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url, password_min_length=20) as service:
        policy = service.account.GetPasswordPolicy(GetPasswordPolicyRequest())
        assert (policy.min_length, policy.min_length_with_second_factor) == (20, 8)
        assert policy.max_bytes == MAX_PASSWORD_BYTES
        assert policy.blocklist_enforced
        assert not policy.breach_list_enforced
        assert policy.normalization_profile == "OpaqueString"
        assert refused(lambda: service.register(password=PASSWORD[:19])).fields == ("password",)
        assert service.register(password=PASSWORD[:20]).account.account_id
        longest = (PASSWORD * 60)[: policy.max_bytes]
        assert service.register(password=longest).account.account_id
        assert refused(lambda: service.register(password=longest + "a")).fields == ("password",)


@pytest.mark.xdist_group("costly hashes")
def test_p_flt_4_a_flood_of_logins_is_shed_and_holds_up_no_verification(
    tmp_path: Path, redis: Server
) -> None:
    costly = {"argon2_time_cost": 3, "argon2_memory_cost_kib": 32768}
    with running(data=tmp_path, redis_url=redis.url, **costly) as service:
        registered = service.register()
        token = registered.tokens.access_token
        flood = [
            service.auth.Login.future(LoginRequest(identifier=f"n{n}", password="x"))
            for n in range(60)
        ]
        slowest = 0.0
        while not all(call.done() for call in flood):
            started = time.monotonic()
            service.token.VerifyToken(VerifyTokenRequest(access_token=token))
            slowest = max(slowest, time.monotonic() - started)
            time.sleep(0.01)
        refusals = [refusal_of(call.exception()) for call in flood]

        shed = [refusal for refusal in refusals if refusal.reason == "OVERLOADED"]
        assert len(shed) >= 40
        assert all(refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED for refusal in shed)
        assert all(refusal.retry_after for refusal in shed)
        assert slowest < 1


def test_p_pw_5_a_login_that_is_shed_costs_the_stores_nothing_and_is_counted(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        with full_queue(service):
            redis.kill()
            assert attempt(service, "anybody").reason == "OVERLOADED"
        assert "authsvc_hashes_shed_total 1.0" in metrics(service)
        redis.start()


def test_p_thr_2_a_login_that_was_shed_takes_no_attempt(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        username = service.register().account.username
        with full_queue(service):
            for _ in range(2 * LIMIT):
                refusal = attempt(service, username)
                assert refusal.reason == "OVERLOADED"
                assert refusal.retry_after is not None
        assert service.login(username).session_id
