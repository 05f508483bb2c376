"""The library on the real service: what ends there ends here, within a moment (P-REV-2)."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from authn.v1.account_service_pb2 import ChangePasswordRequest, DisableAccountRequest
from authn.v1.auth_service_pb2 import RegisterResponse
from authn.v1.key_service_pb2 import ListKeysRequest, RevokeKeyRequest, RotateKeyRequest
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.token_service_pb2 import RevokeTokenRequest

from authsvc.client import Verifier
from authsvc.errors import StaleRevocations, TokenInactive
from tests.porch.processes import eventually
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server, valkey

PATIENCE = timedelta(seconds=20)
README = Path(__file__).parents[2] / "README.md"
ISSUER = "https://authsvc.localhost"


def _verifier(service: Service, **given: str) -> Verifier:
    return Verifier(service.address, issuer=ISSUER, audience="authsvc", **given)


@pytest.fixture(name="redis", scope="module")
def _redis() -> Iterator[Server]:
    with valkey() as server:
        yield server


@pytest.fixture(name="own", params=["grpcio", "native"])
def _own(request: pytest.FixtureRequest, redis: Server, tmp_path: Path) -> Iterator[Service]:
    with running(data=tmp_path, redis_url=redis.url, transport=request.param) as service:
        yield service


@pytest.fixture(name="verifier")
def _started(own: Service) -> Iterator[Verifier]:
    with _verifier(own) as verifier:
        verifier.wait_until_ready(PATIENCE)
        yield verifier


def _is_active(verifier: Verifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except TokenInactive:
        return False
    return True


def _end_session(service: Service, made: RegisterResponse) -> None:
    request = RevokeSessionRequest(session_id=made.tokens.session_id)
    service.session.RevokeSession(request)


def _end_token(service: Service, made: RegisterResponse) -> None:
    service.token.RevokeToken(RevokeTokenRequest(token=made.tokens.access_token))


def _change_password(service: Service, made: RegisterResponse) -> None:
    request = ChangePasswordRequest(current_password=PASSWORD, new_password="a longer one, new")
    service.account.ChangePassword(request, metadata=bearer(made.tokens.access_token))


def _disable(service: Service, made: RegisterResponse) -> None:
    request = DisableAccountRequest(account_id=made.account.account_id)
    service.account.DisableAccount(request)


def _revoke_key(service: Service, _: RegisterResponse) -> None:
    [active] = [key for key in service.key.ListKeys(ListKeysRequest()).keys if key.state == 2]
    service.key.RevokeKey(RevokeKeyRequest(key_id=active.key_id))


@pytest.mark.parametrize("end", [_end_session, _end_token, _change_password, _disable, _revoke_key])
def test_p_rev_2_what_the_service_has_ended_the_library_refuses(
    own: Service, verifier: Verifier, end: Callable[[Service, RegisterResponse], None]
) -> None:
    made = own.register()
    assert verifier.verify(made.tokens.access_token).subject == made.account.account_id

    end(own, made)

    assert eventually(lambda: not _is_active(verifier, made.tokens.access_token))
    assert _is_active(verifier, own.register().tokens.access_token)


def test_p_key_1_a_rotation_refuses_no_good_token(own: Service, verifier: Verifier) -> None:
    before = own.register().tokens.access_token
    own.key.RotateKey(RotateKeyRequest(activate_immediately=True))
    after = own.register().tokens.access_token

    assert _is_active(verifier, before)
    assert _is_active(verifier, after)


def test_p_rev_2_a_restart_of_the_service_is_gone_on_from(redis: Server, tmp_path: Path) -> None:
    """What was revoked while the library could not hear is known before it says that it is."""
    with running(data=tmp_path, redis_url=redis.url) as service:
        port = service.address.rpartition(":")[2]
        made = [service.register() for _ in range(2)]
        verifier = _verifier(service)
        verifier.wait_until_ready(PATIENCE)
        _end_session(service, made[0])
        assert eventually(lambda: not _is_active(verifier, made[0].tokens.access_token))
        held = verifier.revision
    with verifier, running(data=tmp_path, redis_url=redis.url, port=int(port)) as service:
        _end_session(service, made[1])

        assert eventually(lambda: verifier.revision > held, seconds=15)
        assert not _is_active(verifier, made[1].tokens.access_token)
        assert _is_active(verifier, service.register().tokens.access_token)


def test_p_int_1_a_service_without_the_scope_hears_nothing_and_answers_nothing(
    redis: Server, tmp_path: Path
) -> None:
    given = {"data": tmp_path, "redis_url": redis.url}
    with (
        running(**given, require_caller=True) as service,
        _verifier(service, api_key="ask_not_a_key") as verifier,
    ):
        with pytest.raises(StaleRevocations):
            verifier.wait_until_ready(timedelta(seconds=1))
        with pytest.raises(StaleRevocations):
            verifier.verify(service.register().tokens.access_token)


def test_the_python_lines_of_the_readme_run_as_written(own: Service) -> None:
    [lines] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    made = own.register()
    names: dict[str, Any] = {"access_token": made.tokens.access_token}

    exec(lines.replace("127.0.0.1:50051", own.address), names)

    names["verifier"].close()
    assert names["claims"].subject == made.account.account_id
