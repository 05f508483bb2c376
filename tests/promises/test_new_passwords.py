"""New passwords, as callers see them refused and accepted."""

import hashlib
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    CreateAccountRequest,
    GetPasswordPolicyRequest,
)
from authn.v1.auth_service_pb2 import RegisterRequest
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status

from authsvc.config import ConfigurationError
from authsvc.store_faults import store_faults
from tests.service import PASSWORD, bearer, running
from tests.stores.hot.servers import Server
from tests.transport.calls import attempt, refused


def breached(path: Path, *passwords: str) -> Path:
    lines = sorted(hashlib.sha1(password.encode()).hexdigest().upper() for password in passwords)
    path.write_text("".join(f"{line}:7\n" for line in lines))
    return path


def descriptions(error: grpc.RpcError) -> list[str]:
    status, found = rpc_status.from_call(error), BadRequest()
    for detail in status.details if status else ():
        detail.Unpack(found)
    return [violation.description for violation in found.field_violations]


def test_p_pw_4_a_refusal_of_each_method_names_its_field_and_the_reason(
    tmp_path: Path, own_redis: Server
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        registered = service.register()
        me = bearer(registered.tokens.access_token)
        change = ChangePasswordRequest(current_password=PASSWORD, new_password="passwordpassword1")
        calls = {
            "password": [
                lambda: service.register(password="passwordpassword1"),
                lambda: service.account.CreateAccount(
                    CreateAccountRequest(username="made", password="passwordpassword1")
                ),
            ],
            "new_password": [lambda: service.account.ChangePassword(change, metadata=me)],
        }
        for field, methods in calls.items():
            for method in methods:
                with pytest.raises(grpc.RpcError) as caught:
                    method()
                refusal = refused(method)
                assert (refusal.reason, refusal.fields) == ("PASSWORD_REJECTED", (field,))
                assert "repeats" in descriptions(caught.value)[0]
                assert b"passwordpassword1" not in refusal.raw


def test_p_pw_4_the_names_of_account_and_service_make_no_password(
    tmp_path: Path, own_redis: Server
) -> None:
    issuer = "https://login.acme-corp.example"
    with running(data=tmp_path, redis_url=own_redis.url, issuer=issuer) as service:
        new = {"username": "grace-hopper", "email": "rear.admiral@cobol.example"}
        for password in ("Gr4ceHopper!2024", "cobol-rear-admiral", "acme-corp-login-1"):
            refusal = refused(lambda given=password: service.register(**new, password=given))
            assert refusal.reason == "PASSWORD_REJECTED"
        assert service.register(**new).account.account_id


def test_p_pw_4_a_breached_password_is_refused_and_the_list_fails_closed(
    tmp_path: Path, own_redis: Server
) -> None:
    known = "tree lamp window"
    path = breached(tmp_path / "sorted.txt", known)
    with running(data=tmp_path, redis_url=own_redis.url, breached_passwords=path) as service:
        policy = service.account.GetPasswordPolicy(GetPasswordPolicyRequest())
        assert policy.breach_list_enforced
        assert refused(lambda: service.register(password=known)).reason == "PASSWORD_REJECTED"
        username = service.register().account.username

        path.unlink()
        refusal = refused(service.register)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
        assert refusal.retry_after
        assert "sorted.txt" not in refusal.message
        assert service.login(username).session_id  # no login needs the list

        breached(path, known)
        assert service.register().account.account_id


def test_p_cfg_1_a_breach_list_that_can_not_be_read_does_not_start(
    tmp_path: Path, own_redis: Server
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        config = service.app.config
    path = tmp_path / "no such list"
    with (
        pytest.raises(ConfigurationError, match="AUTHSVC_BREACHED_PASSWORDS: no such list can't"),
        running(data=tmp_path, redis_url=own_redis.url, breached_passwords=path),
    ):
        pass
    told = list(store_faults(config.model_copy(update={"breached_passwords": path})))
    assert [fault for fault in told if "AUTHSVC_BREACHED_PASSWORDS" in fault]


def test_p_pw_3_what_never_was_a_password_fails_like_a_wrong_one(
    tmp_path: Path, own_redis: Server
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url) as service:
        username = service.register().account.username
        for password in ("\0", "a\0b", "\t", "\u0301", "\ue000", "\U0010ffff", PASSWORD + "\0"):
            known, unknown = attempt(service, username, password), attempt(service, "no", password)
            assert known.raw == unknown.raw
            assert known.reason == "INVALID_CREDENTIALS"
        request = RegisterRequest(username="nul", password=PASSWORD + "\0")
        assert refused(lambda: service.auth.Register(request)).reason == "PASSWORD_REJECTED"
