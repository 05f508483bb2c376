"""Two versions side by side on one database and one Redis (P-DUR-3).

The next version is this one with what a release may bring: a migration, and more to say in the
record of a session.
"""

import base64
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import IntrospectTokenRequest, VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub

import authsvc
from authsvc.stores.sql.migrate import HEAD
from tests.faults.process_tree import AUTHSVC, tree
from tests.porch.processes import clean_environment
from tests.servers.sql import postgres
from tests.service import PASSWORD
from tests.stores.hot.servers import redis7, valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_NEXT = f"{int(HEAD) + 1:04}"
_MIGRATION = f'''"""What the next version needs."""

import sqlalchemy as sa
from alembic import op

revision = "{_NEXT}"
down_revision = "{HEAD}"


def upgrade() -> None:
    """Add to what there is."""
    op.add_column("accounts", sa.Column("hue", sa.Integer, nullable=False, server_default="7"))
    op.add_column("events", sa.Column("hue", sa.Integer, nullable=True))
    op.create_table("hues", sa.Column("hue", sa.Integer, nullable=False)){{more}}
'''
_SERVES_NO_OTHER = f"""
    op.execute("UPDATE schema_compatibility SET oldest = '{_NEXT}'")
"""


def _next_version(home: Path, *, more: str = "") -> Path:
    """Make the next version; give what has to come first where Python looks for packages."""
    package = home / "next" / "authsvc"
    ours = Path(authsvc.__file__).parent
    shutil.copytree(ours, package, ignore=shutil.ignore_patterns("__pycache__"))
    _replace(package / "stores/sql/migrate.py", f'HEAD = "{HEAD}"', f'HEAD = "{_NEXT}"')
    migration = package / f"stores/sql/migrations/versions/r{_NEXT}_next.py"
    migration.write_text(_MIGRATION.format(more=more), encoding="utf-8")
    _replace(
        package / "stores/redis/session_record.py",
        "        session.client.user_agent,\n    )",
        '        session.client.user_agent,\n        ["a later version", "has more to say"],\n    )',
    )
    return package.parent


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Instance:
    """A running instance of either version."""

    auth: AuthServiceStub
    token: TokenServiceStub
    session: SessionServiceStub

    def register(self, name: str) -> TokenSet:
        return self.auth.Register(RegisterRequest(username=name, password=PASSWORD)).tokens

    def log_in(self, name: str) -> TokenSet:
        return self.auth.Login(LoginRequest(identifier=name, password=PASSWORD)).tokens

    def refresh(self, tokens: TokenSet) -> TokenSet:
        return self.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token)).tokens

    def accepts(self, tokens: TokenSet) -> bool:
        try:
            self.token.VerifyToken(VerifyTokenRequest(access_token=tokens.access_token))
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
            return False
        return True

    def continues(self, tokens: TokenSet) -> bool:
        return bool(
            self.token.IntrospectToken(IntrospectTokenRequest(token=tokens.refresh_token)).active
        )

    def revoke(self, tokens: TokenSet) -> None:
        self.session.RevokeSession(RevokeSessionRequest(session_id=tokens.session_id))


@contextmanager
def _instance(home: Path, **environment: str) -> Iterator[_Instance]:
    home.mkdir(exist_ok=True)
    with (
        tree(home, AUTHSVC_WORKERS="1", **environment) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        yield _Instance(
            AuthServiceStub(channel), TokenServiceStub(channel), SessionServiceStub(channel)
        )


@pytest.fixture(name="stores", params=["SQLite and Valkey", "PostgreSQL and Redis 7"])
def _stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        if request.param == "SQLite and Valkey":
            database_url = f"sqlite:///{tmp_path}/authsvc.db"
            redis = stack.enter_context(valkey())
        else:
            database_url = stack.enter_context(postgres())
            redis = stack.enter_context(redis7())
        yield {
            "AUTHSVC_DATABASE_URL": database_url,
            "AUTHSVC_REDIS_URL": redis.url,
            "AUTHSVC_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }


def test_p_dur_3_an_upgrade_rolled_out_and_back_loses_no_session_and_brings_none_back(
    stores: dict[str, str], tmp_path: Path
) -> None:
    later = {**stores, "PYTHONPATH": str(_next_version(tmp_path))}
    with ExitStack() as of_before:
        old = of_before.enter_context(_instance(tmp_path / "old", **stores))
        kept, ended = old.register("kept"), old.register("ended")

        with _instance(tmp_path / "new", **later) as new:  # it has migrated
            assert new.accepts(kept)
            new.revoke(ended)
            assert not old.accepts(ended)
            kept = new.refresh(old.refresh(new.refresh(kept)))
            begun, ended_there = new.register("begun"), new.log_in("kept")
            old.revoke(ended_there)
            assert not new.accepts(ended_there)
            assert old.accepts(begun)
            begun = old.refresh(begun)

            of_before.close()  # rolled out: the new version alone
            assert new.accepts(kept)
            assert new.accepts(begun)
            begun = new.refresh(begun)
            late = new.log_in("begun")

            # Rolled back: the old version starts on what the new one has made of the stores.
            with _instance(tmp_path / "old", **stores) as again:
                late_and_ended = again.log_in("kept")
                new.revoke(late_and_ended)
                assert not again.accepts(late_and_ended)

        with _instance(tmp_path / "old", **stores) as alone:
            for tokens in (kept, begun, late):
                assert alone.accepts(tokens)
                assert alone.accepts(alone.refresh(tokens))
            for tokens in (ended, ended_there, late_and_ended):
                assert not alone.accepts(tokens)
                assert not alone.continues(tokens)


def test_p_dur_3_a_version_that_is_no_longer_served_says_so_and_does_not_start(
    stores: dict[str, str], tmp_path: Path
) -> None:
    later = _next_version(tmp_path, more=_SERVES_NO_OTHER)
    assert "brought up to date" in _run("migrate", **stores, PYTHONPATH=str(later)).stdout

    for command in ("migrate", "check-config", "serve"):
        ended = _run(command, **stores, AUTHSVC_MODE="dev", AUTHSVC_DATA=str(tmp_path / "var"))
        assert ended.returncode == 1, command
        assert "is of a later version of authsvc" in ended.stderr, command


def _run(command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [AUTHSVC, command],
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
