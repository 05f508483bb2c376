"""Builds the image and runs it: with Docker where its engine answers, else with podman as root.

podman comes from Debian's packages and needs no engine that runs already. Nor need a registry be in
reach for it: the base image is then made by debootstrap, as the published one is.
"""

import functools
import json
import os
import resource
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
IMAGE = "localhost/authsvc:built"
USER = 10001
"""The numeric user of the image, who must be able to read what is mounted for it."""

_BASE = "localhost/authsvc-base"
_SUITE = "trixie"
_MIRROR = "http://deb.debian.org"
_SOURCES = f"""deb {_MIRROR}/debian {_SUITE} main
deb {_MIRROR}/debian {_SUITE}-updates main
deb {_MIRROR}/debian-security {_SUITE}-security main
"""
_CONFINED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")


class EngineMissing(Exception):
    """Nothing here builds images, and why."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What builds and runs images."""

    name: str
    command: tuple[str, ...]
    limits: tuple[str, ...]

    def run(
        self, *arguments: str, timeout: float = 60, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of its commands.

        Raises:
            RuntimeError: It failed; what it printed.

        """
        done = subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            message = f"{self.name} {arguments[0]} failed:\n{done.stdout[-4000:]}{done.stderr}"
            raise RuntimeError(message)
        return done

    def inspect(self, kind: str, name: str) -> Any:
        """Give what it knows of an image or a container."""
        return json.loads(self.run(kind, "inspect", name).stdout)[0]


@functools.cache
def find_engine() -> Engine:
    """Give the engine of this machine.

    Raises:
        EngineMissing: There is none, and why.

    """
    if shutil.which("docker") and _answers("docker", "info"):
        return Engine("docker", ("docker",), ())
    missing = [name for name in ("podman", "runc", "debootstrap") if not shutil.which(name)]
    if missing:
        message = f"no Docker engine answers, and there is no {' and no '.join(missing)} on PATH"
        raise EngineMissing(message)
    if os.geteuid() != 0:
        message = "no Docker engine answers, and podman needs root"
        raise EngineMissing(message)
    # runc: it also runs where both generations of cgroups are mounted.
    command = ("podman", "--log-level=fatal", "--runtime=runc")
    return Engine("podman", command, tuple(_own_limits()))


def _answers(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _own_limits() -> Iterator[str]:
    """Keep to the limits of this process, which it may be unable to raise."""
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        _, hard = resource.getrlimit(number)
        most = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
        yield f"--ulimit={name}={most}:{most}"


def build(engine: Engine) -> str:
    """Build the image as its Dockerfile says, and give its name.

    Raises:
        RuntimeError: It can't be built; the last of what was printed.

    """
    options = ["--tag", IMAGE]
    if engine.name == "podman":
        options += ["--format=docker", "--network=host", *engine.limits]
        options += ["--build-arg", f"BASE={_debian(engine)}"]
    with _certificates() as mounts:
        if engine.name == "podman":
            options += mounts
        engine.run("build", *options, str(ROOT), timeout=900)
    return IMAGE


def _debian(engine: Engine) -> str:
    """Give the base image, made from Debian's packages if it is not there yet."""
    if engine.run("image", "exists", _BASE, check=False).returncode == 0:
        return _BASE
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        command = ["debootstrap", "--variant=minbase", _SUITE, str(root), f"{_MIRROR}/debian"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            message = f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr}"
            raise RuntimeError(message)
        (root / "etc/apt/sources.list").write_text(_SOURCES, encoding="utf-8")
        archive = Path(directory) / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        engine.run("import", str(archive), _BASE, timeout=300)
    return _BASE


@contextmanager
def _certificates() -> Iterator[list[str]]:
    """Let pip trust whom this machine's pip trusts: its traffic may pass a proxy."""
    trusted = os.environ.get("PIP_CERT")
    if trusted is None:
        yield []
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write("[global]\ncert = /etc/pip-cert.pem\ntimeout = 180\n")
        settings.flush()
        yield [
            f"--volume={trusted}:/etc/pip-cert.pem:ro",
            f"--volume={settings.name}:/etc/pip.conf:ro",
        ]


@contextmanager
def container(engine: Engine, *options: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    """Run the image in the background, confined as in production; give its id."""
    started = engine.run("run", "--detach", *_CONFINED, *engine.limits, *options, IMAGE, *command)
    identity = started.stdout.strip()
    try:
        yield identity
    finally:
        engine.run("rm", "--force", "--volumes", identity, check=False)


def run_once(
    engine: Engine, *options: str, command: tuple[str, ...]
) -> "subprocess.CompletedProcess[str]":
    """Run a command of the image, confined as in production, to its end."""
    return engine.run(
        "run", "--rm", *_CONFINED, *engine.limits, *options, IMAGE, *command, check=False
    )


def content(engine: Engine) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo]]:
    """Give each file of the image, by its path."""
    identity = engine.run("create", IMAGE).stdout.strip()
    try:
        with (
            subprocess.Popen(
                [*engine.command, "export", identity], stdout=subprocess.PIPE
            ) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            for entry in archive:
                yield PurePosixPath("/") / entry.name, entry
    finally:
        engine.run("rm", "--volumes", identity, check=False)
