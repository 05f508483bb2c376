"""How soon a revocation is felt: P5 in the library, P5b at the workers, I3 the call itself."""

import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from subprocess import Popen

import grpc
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.session_service_pb2_grpc import SessionServiceStub
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, at_most

IDS = ("P5", "P5b", "I3")

_WATCHERS = 8
_WORKERS = 2
_ASKERS = 6
"""Connections to the workers: the kernel spreads them, so that each worker is asked."""
_REVOCATIONS, _FEW = 200, 40


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with (
        harness.directory() as data,
        harness.service(data, core=None, workers=str(_WORKERS)) as service,
        ExitStack() as stack,
    ):
        watchers = [
            stack.enter_context(
                harness.program(
                    [sys.executable, "-m", "benchmarks.refusing", service.address], core=None
                )
            )
            for _ in range(_WATCHERS)
        ]
        askers = [stack.enter_context(_connect(service.address)) for _ in range(_ASKERS)]
        for watcher in watchers:
            _read(watcher)  # it is ready
        time.sleep(3)  # the first revocations wait until the workers' roll is settled
        samples = [
            _revoke(service.address, watchers, askers)
            for _ in range(_FEW if options.quick else _REVOCATIONS)
        ]
    lags, calls, stale = zip(*samples, strict=True)
    yield _result("P5", "Revoke OK to the last of 8 library processes refusing, p99", lags, 20)
    yield _stale(sum(stale), len(samples))
    yield _result("I3", "the RevokeSession call, p99", calls, 25)


def _revoke(
    address: str, watchers: Sequence["Popen[str]"], askers: Sequence[grpc.Channel]
) -> tuple[float, float, int]:
    """Revoke a session; give the lag and the time of the call (ms), and the stale accepts."""
    with harness.stubs(address) as stubs:
        request = RegisterRequest(username=f"u{secrets.token_hex(8)}", password=harness.PASSWORD)
        tokens: TokenSet = stubs.auth.Register(request).tokens
    for watcher in watchers:
        print(json.dumps(tokens.access_token), file=watcher.stdin, flush=True)
    for watcher in watchers:
        _read(watcher)  # it has accepted the token
    started = time.monotonic()
    sessions = SessionServiceStub(askers[0])
    sessions.RevokeSession(RevokeSessionRequest(session_id=tokens.session_id))
    acknowledged = time.monotonic()
    stale = sum(_is_accepted(asker, tokens.access_token) for asker in askers)
    refused = max(float(str(_read(watcher))) for watcher in watchers)
    return 1000 * (refused - acknowledged), 1000 * (acknowledged - started), stale


def _is_accepted(channel: grpc.Channel, token: str) -> bool:
    try:
        TokenServiceStub(channel).VerifyToken(VerifyTokenRequest(access_token=token))
    except grpc.RpcError:
        return False
    return True


def _connect(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])


def _read(watcher: "Popen[str]") -> object:
    assert watcher.stdout is not None
    return json.loads(watcher.stdout.readline())


def _result(identity: str, name: str, milliseconds: Sequence[float], limit: float) -> Result:
    return Result(
        id=identity,
        name=name,
        value=sorted(milliseconds)[len(milliseconds) * 99 // 100],
        unit="ms",
        yardstick=f"the clock, {len(milliseconds)} revocations, {_WORKERS} workers",
        samples=tuple(milliseconds),
        must=at_most(limit),
    )


def _stale(count: int, revocations: int) -> Result:
    return Result(
        id="P5b",
        name="accepts at the workers after the acknowledgement",
        value=count,
        unit="calls",
        yardstick=f"{revocations * _ASKERS:,} calls on {_ASKERS} connections",
        must=at_most(0),
    )
