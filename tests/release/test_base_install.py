"""`pip install authsvc` is the client library: small, soon there, and all that it needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from authn.v1.token_service_pb2 import RevokeTokenRequest

from tests.release.conftest import ROOT
from tests.service import Service

pytestmark = pytest.mark.slow

_SERVER_ONLY = {"redis", "sqlalchemy", "alembic", "pydantic", "structlog", "typer", "argon2-cffi"}
_IMPORT_SECONDS = 0.25

_UV = shutil.which("uv") or "uv"


@pytest.fixture(name="python", scope="session")
def _python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python in an environment of its own, where the wheel alone was asked for."""
    place = Path(tmp_path_factory.mktemp("base"))
    python = place / "bin" / "python"
    subprocess.run([_UV, "venv", "--quiet", "--python", sys.executable, place], check=True)
    lock = ROOT / "requirements" / "server.txt"
    install = [_UV, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--constraint", str(lock), str(wheel)], check=True)
    return python


def run(python: Path, program: str, *arguments: str) -> Any:
    """Run a program outside of this tree; give what it prints, read as JSON."""
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=python.parent,
    )
    return json.loads(done.stdout)


def test_nothing_of_the_server_comes_along(python: Path) -> None:
    listed = subprocess.run(
        [_UV, "pip", "list", "--quiet", "--format", "json", "--python", python],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {package["name"] for package in json.loads(listed.stdout)}

    assert {"authsvc", "grpcio", "protobuf", "cryptography", "pynacl"} <= names
    assert names.isdisjoint(_SERVER_ONLY)
    assert len(names) <= 10


_VERIFY = """
import json, sys
from datetime import timedelta
from authsvc.client import Verifier
from authsvc.errors import TokenInactive

address, good, bad = sys.argv[1:]
with Verifier(address, issuer="https://authsvc.localhost", audience="authsvc") as verifier:
    verifier.wait_until_ready(timedelta(seconds=20))
    subject = verifier.verify(good).subject
    try:
        verifier.verify(bad)
    except TokenInactive:
        print(json.dumps(subject))
"""


def test_it_checks_tokens_of_a_real_server(python: Path, service: Service) -> None:
    account, revoked = service.register(), service.register()
    service.token.RevokeToken(RevokeTokenRequest(token=revoked.tokens.access_token))

    told = (account.tokens.access_token, revoked.tokens.access_token)
    assert run(python, _VERIFY, service.address, *told) == account.account.account_id


def test_it_is_imported_in_a_quarter_of_a_second(python: Path) -> None:
    """Processor time, of which a busy machine does not take more; the best of five."""
    program = "import time, authsvc.client; print(time.process_time())"

    assert min(run(python, program) for _ in range(5)) < _IMPORT_SECONDS


def test_the_command_says_what_it_lacks(python: Path) -> None:
    done = subprocess.run(
        [python.with_name("authsvc"), "serve"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == (
        "This is the client library alone. For commands: pip install 'authsvc[server]'\n"
    )
