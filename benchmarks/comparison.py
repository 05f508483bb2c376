"""How checking a token compares with another system on the same core (C1, C1n).

It is token introspection (RFC 7662) by oidc-provider, which npm fetches into a directory for the
time of the benchmark. Where that cannot be had, nothing is compared.
"""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
from authn.v1.token_service_pb2 import VerifyTokenRequest

from benchmarks import harness, http1
from benchmarks.calls import VERIFY, ratio
from benchmarks.harness import LoadGenerator, Options
from benchmarks.measurement import Result, alternate, median

IDS = ("C1", "C1n")

_OTHERS = Path(__file__).with_name("others")
_FILES = ("oidc_provider.mjs", "package.json", "package-lock.json")
_INSTALL = ("ci", "--engine-strict", "--ignore-scripts", "--no-audit", "--no-fund")
_INSTALL_SECONDS = 180
_INTROSPECTION = "/token/introspection"
_TRANSPORTS = {"C1": "grpcio", "C1n": "native"}


class _Watched:
    """A load generator, and what its server does with its core meanwhile."""

    def __init__(self, load: LoadGenerator, server: int) -> None:
        self._load = load
        self._server = psutil.Process(server)
        self._shares: list[float] = []

    def calls_per_second(self, seconds: float) -> float:
        """Load the server for a while and give the rate."""
        used, started = self._used_seconds(), time.monotonic()
        rate = self._load.calls_per_second(seconds)
        self._shares.append((self._used_seconds() - used) / (time.monotonic() - started))
        return rate

    @property
    def share(self) -> float:
        """The middle share of the core's time that the server had; near 1, nothing else held it."""
        return median(self._shares)

    def _used_seconds(self) -> float:
        times = self._server.cpu_times()
        return times.user + times.system


class _UnavailableError(Exception):
    """The other system cannot be had on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    """A running oidc-provider."""

    name: str
    process: int
    address: str
    token: str
    """An access token that it has issued and still honours."""
    authorization: str

    def introspection(self, token: str) -> bytes:
        """Write a request about a token, with the hint that spares the most look-ups."""
        return http1.request(
            self.address,
            _INTROSPECTION,
            headers={
                "Authorization": self.authorization,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode({"token": token, "token_type_hint": "access_token"}),
        )


def measure(options: Options) -> Iterator[Result]:
    """Compare on both transports."""
    with harness.directory() as folder:
        try:
            version = _install(folder)
        except _UnavailableError as reason:
            print(f"{', '.join(IDS)} skipped: {reason}", flush=True)
            return
        with _provider(folder, version) as provider:
            _check(provider)
            for identity, transport in _TRANSPORTS.items():
                yield _compare(identity, transport, provider, options)
            _check(provider)  # what is honoured now was honoured all the time


def _install(folder: Path) -> str:
    """Fetch the other system as the lock file says; give its version."""
    for name in _FILES:
        shutil.copy(_OTHERS / name, folder)
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise _UnavailableError("there is no Node.js with npm on PATH")
    try:
        subprocess.run(
            [npm, *_INSTALL], cwd=folder, check=True, capture_output=True, timeout=_INSTALL_SECONDS
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise _UnavailableError("npm could not install oidc-provider") from error
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"]["node_modules/oidc-provider"]["version"])


@contextmanager
def _provider(folder: Path, version: str) -> Iterator[_Provider]:
    command = ["node", str(folder / "oidc_provider.mjs")]
    with harness.program(command, core=harness.SERVER_CORE, NODE_ENV="production") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline() or "{}")
        if not told:
            raise RuntimeError("oidc-provider did not start; BENCHMARK_STDERR=1 shows why")
        yield _Provider(
            name=f"oidc-provider {version} on Node.js {told['node']}",
            process=process.pid,
            address=told["address"],
            token=told["token"],
            authorization=told["authorization"],
        )


def _check(provider: _Provider) -> None:
    """See that it tells a token of its own from another."""
    for token, active in ((provider.token, True), (provider.token[::-1], False)):
        host, _, port = provider.address.rpartition(":")
        connection = http1.Connection(host, int(port))
        connection.send(provider.introspection(token))
        answers: list[bytes | None] = []
        while not answers:
            answers = [answer for _, answer in connection.receive()]
        connection.close()
        if json.loads(answers[0] or "{}").get("active") is not active:
            raise RuntimeError("oidc-provider takes a token for what it is not")


def _compare(identity: str, transport: str, provider: _Provider, options: Options) -> Result:
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
        harness.service(data, redis_url=redis, transport=transport) as service,
    ):
        token = [VerifyTokenRequest(access_token=harness.access_token(service.address))]
        with harness.load(service.address, VERIFY, token) as verify, _load(provider) as introspect:
            ours = _Watched(verify, service.worker)
            theirs = _Watched(introspect, provider.process)
            pairs = alternate(
                lambda: ours.calls_per_second(options.seconds),
                lambda: theirs.calls_per_second(options.seconds),
                rounds=options.rounds,
            )
    return ratio(
        identity,
        f"VerifyToken ({transport}) / introspection by oidc-provider",
        pairs,
        yardstick=f"{provider.name} over HTTP/1.1, "
        f"of the core {ours.share:.0%} : {theirs.share:.0%} used",
    )


def _load(provider: _Provider) -> AbstractContextManager[LoadGenerator]:
    """Keep as many calls under way as with gRPC: HTTP/1.1 needs a connection for each."""
    request = base64.b64encode(provider.introspection(provider.token)).decode()
    return harness.load_generator(
        {
            "address": provider.address,
            "path": None,
            "connections": harness.SLOTS,
            "chained": False,
            "messages": [[request]] * harness.SLOTS,
        }
    )
