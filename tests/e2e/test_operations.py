"""The drills of docs/operations.md: backup and restore, a stolen key, a lost Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from tests.e2e.pasting import blocks, up
from tests.missing import need
from tests.porch.processes import clean_environment
from tests.servers.sql import postgres, postgres_programs
from tests.stores.hot.servers import redis7

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]

PASSWORD = "violet-kettle-orbits-47-moons"
BACKUP, RESTORE, KILL_KEYS, STOLEN, LOST = blocks("docs/operations.md")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the drills take place."""

    directory: Path
    database: str
    redis: str

    def up(self) -> "Iterator[str]":
        return up(self.directory, AUTHSVC_DATABASE_URL=self.database, AUTHSVC_REDIS_URL=self.redis)

    def paste(self, block: str, server: str = "") -> None:
        """Run a block with the environment that the page asks for."""
        socket = self.redis.removeprefix("unix://")
        here = block.replace('redis-cli -u "$AUTHSVC_REDIS_URL"', f"redis-cli -s {socket}")
        programs = f"{self.directory / 'bin'}:{postgres_programs()}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", here],
            cwd=self.directory,
            env=clean_environment(
                PATH=programs,
                AUTHSVC_DATABASE_URL=self.database,
                AUTHSVC_REDIS_URL=self.redis,
                AUTHSVC_SERVER=server,
                AUTHSVC_MODE="dev",
                AUTHSVC_DATA=str(self.directory / "var"),
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    need("jq")
    need("redis-cli", "apt-get install redis-tools")
    program = tmp_path / "bin" / "authsvc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m authsvc.cli "$@"\n')
    program.chmod(0o755)
    with postgres() as database, redis7() as redis:
        yield Site(tmp_path, database, redis.url)


def _login(address: str) -> TokenSet:
    with grpc.insecure_channel(address) as channel:
        request = LoginRequest(identifier="ada", password=PASSWORD)
        return AuthServiceStub(channel).Login(request).tokens


def _status(address: str, token: str) -> grpc.StatusCode:
    with grpc.insecure_channel(address) as channel:
        try:
            TokenServiceStub(channel).VerifyToken(VerifyTokenRequest(access_token=token))
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def _register(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        AuthServiceStub(channel).Register(RegisterRequest(username="ada", password=PASSWORD))


def test_p_rev_3_what_a_restored_database_forgot_stays_dead_after_the_drill(site: Site) -> None:
    with site.up() as address:
        _register(address)
        revoked, open_still = _login(address), _login(address)
        site.paste(BACKUP)
        with grpc.insecure_channel(address) as channel:
            request = RevokeSessionRequest(session_id=revoked.session_id)
            SessionServiceStub(channel).RevokeSession(request)
        assert _status(address, revoked.access_token) is grpc.StatusCode.UNAUTHENTICATED

    site.paste(RESTORE)
    with site.up() as address:
        site.paste(KILL_KEYS, address)
        for tokens in (revoked, open_still):
            assert _status(address, tokens.access_token) is grpc.StatusCode.UNAUTHENTICATED
            with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refusal:
                AuthServiceStub(channel).Refresh(RefreshRequest(refresh_token=tokens.refresh_token))
            assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert _status(address, _login(address).access_token) is grpc.StatusCode.OK


def test_p_key_3_a_stolen_key_is_killed_and_sessions_live_on(site: Site) -> None:
    with site.up() as address:
        _register(address)
        tokens = _login(address)
        site.paste(STOLEN, address)

        assert _status(address, tokens.access_token) is grpc.StatusCode.UNAUTHENTICATED
        with grpc.insecure_channel(address) as channel:
            request = RefreshRequest(refresh_token=tokens.refresh_token)
            renewed = AuthServiceStub(channel).Refresh(request).tokens
        assert _status(address, renewed.access_token) is grpc.StatusCode.OK


def test_p_flt_2_an_emptied_redis_needs_nobody(site: Site) -> None:
    with site.up() as address:
        _register(address)
        tokens = _login(address)
        with grpc.insecure_channel(address) as channel:
            request = RevokeSessionRequest(session_id=tokens.session_id)
            SessionServiceStub(channel).RevokeSession(request)
        site.paste(LOST, address)

        assert _status(address, tokens.access_token) is grpc.StatusCode.UNAUTHENTICATED
        assert _status(address, _login(address).access_token) is grpc.StatusCode.OK
