"""What a refresh costs (P6): its rate, and its round trips to Redis."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from authn.v1.auth_service_pb2 import LoginRequest, RefreshRequest, RegisterRequest
from authn.v1.session_pb2 import Client
from redis import Redis

from benchmarks import harness
from benchmarks.harness import LoadGenerator, Options
from benchmarks.measurement import Bound, Result, alternate, at_least, at_most, median, ratios
from benchmarks.yardstick_server import BARE, LAYERED

IDS = ("P6", "P6b")

_REFRESH = "/authn.v1.AuthService/Refresh"
_COUNTED_REFRESHES = 200
_COUNTS = 3
USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/137.0.0.0 Safari/537.36"
)


@dataclass(frozen=True, slots=True)
class _Budget:
    id: str
    yardstick: str
    must: Bound | None = None


_BUDGETS = {
    LAYERED: _Budget(
        "P6", "an RPC through the same layers that runs one Redis script", at_least(0.80)
    ),
    BARE: _Budget("P6b", "an RPC of a bare grpcio sync server that runs one Redis script"),
}


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
        harness.service(data, redis_url=redis) as service,
    ):
        tokens = open_sessions(service.address, 33)
        yield _count_round_trips(service.address, tokens.pop(), redis)
        with harness.load(service.address, _REFRESH, tokens, chained=True) as ours:
            for form in (LAYERED, BARE):
                with (
                    harness.yardstick_server(form, redis) as address,
                    harness.load(address, _REFRESH, tokens, chained=True) as yardstick,
                ):
                    yield _compare(ours, yardstick, options, _BUDGETS[form])


def _compare(
    ours: LoadGenerator, yardstick: LoadGenerator, options: Options, budget: _Budget
) -> Result:
    pairs = alternate(
        lambda: ours.calls_per_second(options.seconds),
        lambda: yardstick.calls_per_second(options.seconds),
        rounds=options.rounds,
    )
    rates = (median([p.ours for p in pairs]), median([p.yardstick for p in pairs]))
    return Result(
        id=budget.id,
        name="Refresh",
        value=median(ratios(pairs)),
        unit="ratio",
        yardstick=f"{budget.yardstick} ({rates[0]:,.0f}/s : {rates[1]:,.0f}/s)",
        samples=ratios(pairs),
        must=budget.must,
    )


def open_sessions(address: str, count: int) -> list[RefreshRequest]:
    """Log one person in so often; give what would refresh each session."""
    client = Client(ip_address="203.0.113.77", user_agent=USER_AGENT)
    username = f"u{secrets.token_hex(8)}"
    with harness.stubs(address) as stubs:
        stubs.auth.Register(RegisterRequest(username=username, password=harness.PASSWORD))
        request = LoginRequest(
            identifier=username,
            password=harness.PASSWORD,
            audience="https://api.example.com",
            scopes=["orders:read", "orders:write"],
            client=client,
        )
        logins = [stubs.auth.Login(request) for _ in range(count)]
    return [RefreshRequest(refresh_token=login.tokens.refresh_token) for login in logins]


def _count_round_trips(address: str, first: RefreshRequest, redis_url: str) -> Result:
    """Refresh one after the other, and count what Redis reads from its connections.

    What comes at the same time but not from a refresh is taken off by its kind: the health check's
    pings, and the counting itself. The worker's duties speak too, now and then: the least counts.
    """
    with harness.stubs(address) as stubs, Redis.from_url(redis_url) as redis:
        token = stubs.auth.Refresh(first).tokens.refresh_token
        counts = []
        for _ in range(_COUNTS):
            before = _exchanges(redis)
            for _ in range(_COUNTED_REFRESHES):
                token = stubs.auth.Refresh(RefreshRequest(refresh_token=token)).tokens.refresh_token
            counts.append((_exchanges(redis) - before) / _COUNTED_REFRESHES)
    return Result(
        id="P6",
        name="round trips to Redis per refresh",
        value=min(counts),
        unit="",
        yardstick=f"reads that Redis counts during {_COUNTED_REFRESHES} refreshes, "
        f"the least of {_COUNTS}",
        samples=tuple(counts),
        must=at_most(1),
    )


def _exchanges(redis: "Redis") -> int:
    """Count the reads so far; one exchange less for each that is known to be another's."""
    found = redis.info("everything")
    pings = found.get("cmdstat_ping", {"calls": 0})["calls"]
    infos = found["cmdstat_info"]["calls"] if "cmdstat_info" in found else 0
    return int(found["total_reads_processed"] - pings - infos)
