"""The command line is prompt, friendly, and takes no secret as an argument."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer
from typer.testing import CliRunner

from authsvc.cli import app
from tests.porch.processes import clean_environment

NOBODY = "127.0.0.1:1"


def _authsvc(
    *arguments: str, stdin: str = "", **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "authsvc.cli", *arguments],
        input=stdin,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_the_commands() -> None:
    told = _authsvc("--help").stdout

    for command in [
        "up",
        "serve",
        "demo",
        "healthcheck",
        "check-config",
        "migrate",
        "accounts",
        "sessions",
        "keys",
        "events",
        "services",
        "certs",
    ]:
        assert f"  {command} " in told


def test_p_11_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, authsvc.cli\n"
        "print(*({'grpc', 'pydantic', 'redis', 'sqlalchemy', 'structlog'} & set(sys.modules)))"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert told.stdout.strip() == ""


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"),
        ("keys", "rotate"),
        ("events", "list"),
        ("accounts", "list"),
        ("accounts", "create", "ada"),
        ("accounts", "export", "acc_" + "0" * 32),
        ("sessions", "list", "acc_" + "0" * 32),
        ("demo",),
        ("healthcheck",),
    ],
)
def test_a_server_that_is_not_there_is_one_friendly_line(command: tuple[str, ...]) -> None:
    refused = _authsvc(*command, "--server", NOBODY, stdin="a long enough passphrase\n")

    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert NOBODY in refused.stderr


def test_p_cfg_1_check_config_prints_every_fault() -> None:
    refused = _authsvc("check-config", AUTHSVC_LOG_LEVEL="debug", AUTHSVC_REFLECTION="true")

    assert refused.returncode == 1
    for name in ("MASTER_KEY", "REDIS_URL", "LOG_LEVEL", "REFLECTION"):
        assert f"AUTHSVC_{name}" in refused.stderr


@pytest.mark.parametrize("command", ["serve", "up"])
def test_p_cfg_1_an_insecure_configuration_does_not_start(command: str, tmp_path: Path) -> None:
    refused = _authsvc(
        command,
        "--listen",
        "0.0.0.0:0",
        "--data",
        str(tmp_path / "var"),
        AUTHSVC_MASTER_KEY="ab" * 32,
    )

    assert refused.returncode == 1
    assert "AUTHSVC_LISTEN" in refused.stderr
    assert "ab" * 32 not in refused.stderr + refused.stdout
    assert not (tmp_path / "var").exists()


def test_no_command_takes_a_password_or_key_as_an_option() -> None:
    for group in ("accounts create", "services create-key", "keys list", "up"):
        told = _authsvc(*group.split(), "--help").stdout
        assert "--password" not in told
        assert "--api-key" not in told


def test_the_first_caller_is_made_without_a_server(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    unprepared = _authsvc("services", "list", *data)
    assert "authsvc migrate" in unprepared.stderr

    assert _authsvc("migrate", *data).returncode == 0
    assert "is up to date" in _authsvc("migrate", *data).stdout
    lists = ("--scope", "s.read", "--method", "authn.v1.TokenService/*", "--audience", "orders")
    made = _authsvc("services", "create", "orders", *lists, *data)
    assert made.returncode == 0, made.stderr
    assert "this name" in _authsvc("services", "create", "orders", *lists, *data).stderr
    key = _authsvc("services", "create-key", "orders", *data).stdout.strip()
    listed = _authsvc("services", "list", "--json", *data).stdout

    assert key.startswith("ask_")
    assert key not in listed
    (service,) = json.loads(listed)
    assert (service["name"], service["scopes"]) == ("orders", "s.read")
    assert (service["methods"], service["audiences"]) == ("authn.v1.TokenService/*", "orders")
    assert _authsvc("services", "revoke-key", service["keys"], *data).returncode == 0
    assert "(revoked)" in _authsvc("services", "list", *data).stdout
    assert _authsvc("services", "create-key", "nobody", *data).returncode == 1


def test_healthcheck_follows_the_health_of_the_server() -> None:
    health = HealthServicer()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        health.set("", health_pb2.HealthCheckResponse.SERVING)
        assert _authsvc("healthcheck", "--server", address).returncode == 0

        health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert _authsvc("healthcheck", "--server", address).returncode == 1

        unknown = _authsvc("keys", "list", "--server", address)
        assert unknown.returncode == 1
        assert "UNIMPLEMENTED" in unknown.stderr
    finally:
        server.stop(None)


@pytest.mark.parametrize(
    "command", [("keys", "revoke", "--yes"), ("sessions", "revoke")], ids=lambda c: c[0]
)
@pytest.mark.parametrize("number", range(64))
def test_an_id_that_begins_with_a_dash_is_no_option(command: tuple[str, ...], number: int) -> None:
    """One id in 64 does, and any of 64 characters may follow."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    identity = f"-{letters[number]}{letters[:20]}"

    done = CliRunner().invoke(app, [*command, identity, "--server", NOBODY])

    assert done.exit_code == 1, done.output
    assert NOBODY in done.output


@pytest.mark.parametrize("command", [("keys", "revoke", "--yes"), ("sessions", "revoke")])
def test_an_option_that_there_is_not_is_refused_beside_an_id(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*command, "an-id", "--serer", NOBODY])

    assert done.exit_code == 2
