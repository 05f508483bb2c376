"""The lines of the README and of docs/services.md do what is said there, pasted as they are."""

import re
from pathlib import Path

import pytest

from tests.e2e.pasting import lines, need_grpcurl, paste, up
from tests.servers.sql import postgres
from tests.stores.hot.servers import redis7

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]


@pytest.fixture(autouse=True)
def _grpcurl() -> None:
    need_grpcurl()


def _assert_as_promised(address: str) -> None:
    register, _login, verify, refresh, revoke, errors = paste(lines("README.md"), address)

    assert '"username": "ada"' in register
    assert '"orders.read"' in verify
    successors = re.findall(r'"refreshToken": "(asr_[^"]+)"', refresh)
    assert len(successors) == 2
    assert successors[0] == successors[1]
    assert '"sessionId"' in revoke
    assert '"revision"' in revoke
    assert "Code: Unauthenticated" in errors
    assert "TOKEN_INACTIVE" in errors
    assert "The token is not active." in errors


def test_the_lines_work_on_the_embedded_stores(tmp_path: Path) -> None:
    with up(tmp_path) as address:
        _assert_as_promised(address)


def test_the_lines_about_services_work(tmp_path: Path) -> None:
    with up(tmp_path) as address:
        made, key, token, revoked, errors = paste(lines("docs/services.md"), address)

    assert '"serviceAccountId": "svc_' in made
    assert '"kty": "OKP"' in key
    assert '"stock.read"' in token
    assert '"revision"' in revoked
    assert "CALLER_UNAUTHENTICATED" in errors
    assert "TOKEN_INACTIVE" in errors


def test_the_lines_about_delegation_work(tmp_path: Path) -> None:
    with up(tmp_path) as address:
        made, _login, passed, revoked, errors = paste(lines("docs/delegation.md"), address)

    assert '"serviceAccountId": "svc_' in made
    assert '"actor": "svc_' in passed
    assert '"subject": "acc_' in passed
    assert '"stock.read"' in passed
    assert '"stock.write"' not in passed
    assert '"revision"' in revoked
    assert "TOKEN_INACTIVE" in errors


def test_the_lines_about_events_work(tmp_path: Path) -> None:
    with up(tmp_path) as address:
        *_, listed, watched, errors = paste(
            [*lines("README.md")[:2], *lines("docs/events.md")], address
        )

    assert '"type": "login"' in listed
    assert '"type": "account.created"' in watched
    assert "DeadlineExceeded" in errors


def test_the_lines_work_on_postgresql_and_redis_7(tmp_path: Path) -> None:
    with (
        postgres() as database,
        redis7() as redis,
        up(tmp_path, AUTHSVC_DATABASE_URL=database, AUTHSVC_REDIS_URL=redis.url) as address,
    ):
        _assert_as_promised(address)
