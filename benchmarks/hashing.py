"""What a login costs beside its password hash (P3), and how much memory a storm of logins takes."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest

from authsvc.domain.password_hashes import Argon2Profile
from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, alternate, at_least, at_most, median, ratios

IDS = ("P3",)

_LOGIN = "/authn.v1.AuthService/Login"
_SLOTS = 8
_ACCOUNTS = 100
"""So many that none reaches its limit of sessions, past which each login must end one durably."""
_PERMITS = 1
"""Hashes that a worker computes at a time."""


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
    ):
        with harness.service(data, redis_url=redis) as service:  # a storm of logins makes none
            logins = _make_accounts(service.address)
        yield from _measure(options, data, redis, logins)


def _measure(
    options: Options, data: Path, redis: str, logins: Sequence[LoginRequest]
) -> Iterator[Result]:
    seconds = 2 * options.seconds  # a hash takes so long that few fit into less
    with (
        harness.service(data, redis_url=redis) as service,
        harness.program(
            [sys.executable, "-m", "benchmarks.raw_hashing", str(_PERMITS)],
            core=harness.SERVER_CORE,
        ) as hashing,
    ):
        idle = harness.idle_memory_of(service)
        raw = harness.LoadGenerator(hashing)
        with harness.load(service.address, _LOGIN, logins, slots=_SLOTS) as load:
            pairs = alternate(
                lambda: load.calls_per_second(seconds),
                lambda: raw.calls_per_second(seconds),
                rounds=options.rounds,
            )
        peak = harness.memory_of(service.worker, "VmHWM")
    rates = (median([p.ours for p in pairs]), median([p.yardstick for p in pairs]))
    yield Result(
        id="P3",
        name="logins",
        value=median(ratios(pairs)),
        unit="ratio",
        yardstick="raw argon2-cffi hashes of the same profile on the same core "
        f"({rates[0]:,.1f}/s : {rates[1]:,.1f}/s)",
        samples=ratios(pairs),
        must=at_least(0.90),
    )
    hash_memory = Argon2Profile().memory_cost_kib * 1024 / 1e6
    yield Result(
        id="P3",
        name="peak memory of a worker in a storm of logins",
        value=peak,
        unit="MB",
        yardstick=f"at rest {idle:.1f} MB + {_PERMITS} * {hash_memory:.1f} MB + 10 %",
        samples=(peak,),
        must=at_most(round((idle + _PERMITS * hash_memory) * 1.1, 1)),
    )


def _make_accounts(address: str) -> list[LoginRequest]:
    requests = []
    with harness.stubs(address) as stubs:
        for number in range(_ACCOUNTS):
            username = f"person{number}"
            stubs.auth.Register(RegisterRequest(username=username, password=harness.PASSWORD))
            requests.append(LoginRequest(identifier=username, password=harness.PASSWORD))
    return requests
