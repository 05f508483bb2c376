"""What a storm of logins does to checks of tokens (P4), and what a throttled login costs (P4b)."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest

from benchmarks import harness
from benchmarks.calls import VERIFY
from benchmarks.harness import LoadGenerator, Options, Stubs
from benchmarks.measurement import Pair, Result, at_least, at_most, median, ratios
from benchmarks.storm import username

IDS = ("P4", "P4b")

_LOGIN = "/authn.v1.AuthService/Login"
_ACCOUNTS = 100
_LOGINS_AT_ONCE = 8
_TIMES_CAPACITY = 3
_RISE_SECONDS = 1.0
_THROTTLED = 300
"""As many throttled logins as are timed."""
_FREE = 10
"""Wrong guesses before the first wait."""


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
        harness.service(data, redis_url=redis) as service,
    ):
        logins = _make_accounts(service.address)
        with harness.load(service.address, _LOGIN, logins, slots=_LOGINS_AT_ONCE) as load:
            capacity = load.calls_per_second(2 * options.seconds)
        token = [VerifyTokenRequest(access_token=harness.access_token(service.address))]
        with harness.load(service.address, VERIFY, token) as verify:
            yield from _storm(service.address, verify, options, capacity)
        with harness.stubs(service.address) as stubs:
            yield _throttled(stubs)


def _storm(
    address: str, verify: LoadGenerator, options: Options, capacity: float
) -> Iterator[Result]:
    rates, latencies = [], []
    verify.calls_per_second(options.seconds)
    for _ in range(options.rounds):
        idle = verify.rate_and_p99(2 * options.seconds)
        with _logins(address, _TIMES_CAPACITY * capacity):
            stormy = verify.rate_and_p99(2 * options.seconds)
        rates.append(Pair(stormy[0], idle[0]))
        latencies.append(Pair(stormy[1], idle[1]))
    storm = f"{_TIMES_CAPACITY * capacity:.0f} logins/s, {_TIMES_CAPACITY} times what it can"
    middle = [
        1000 * median([getattr(pair, side) for pair in latencies]) for side in ("ours", "yardstick")
    ]
    yield Result(
        id="P4",
        name="VerifyToken p99 in a storm of logins",
        value=median(ratios(latencies)),
        unit="ratio",
        yardstick=f"the same without ({middle[0]:.1f} ms : {middle[1]:.1f} ms); {storm}",
        samples=ratios(latencies),
        must=at_most(2),
    )
    yield Result(
        id="P4",
        name="VerifyToken calls/s in a storm of logins",
        value=median(ratios(rates)),
        unit="ratio",
        yardstick="the same without",
        samples=ratios(rates),
        must=at_least(0.95),
    )


@contextmanager
def _logins(address: str, rate: float) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.storm", address, str(rate), str(_ACCOUNTS)]
    with harness.program(command, core=harness.LOAD_CORE):
        time.sleep(_RISE_SECONDS)
        yield


def _throttled(stubs: Stubs) -> Result:
    request = LoginRequest(identifier=username(0), password="a wrong password")
    for _ in range(_FREE):
        _refused(stubs, request)
    seconds = sorted(_refused(stubs, request) for _ in range(_THROTTLED))
    return Result(
        id="P4b",
        name="a throttled login",
        value=1000 * median(seconds),
        unit="ms",
        yardstick="wall clock, one after the other "
        f"(p99 {1000 * seconds[_THROTTLED * 99 // 100]:.1f} ms)",
        samples=tuple(1000 * each for each in seconds[:: _THROTTLED // 10]),
        must=at_most(5),
    )


def _refused(stubs: Stubs, request: LoginRequest) -> float:
    started = time.perf_counter()
    try:
        stubs.auth.Login(request)
    except grpc.RpcError:
        return time.perf_counter() - started
    raise RuntimeError("the login was not refused")


def _make_accounts(address: str) -> list[LoginRequest]:
    requests = []
    with harness.stubs(address) as stubs:
        for number in range(_ACCOUNTS):
            new = RegisterRequest(username=username(number), password=harness.PASSWORD)
            stubs.auth.Register(new)
            requests.append(LoginRequest(identifier=new.username, password=new.password))
    return requests
