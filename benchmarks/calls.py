"""What our own layers cost a call: P10, and on the native transport P10n and I1."""

from collections.abc import Iterator

from authn.v1.account_service_pb2 import GetPasswordPolicyRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest

from benchmarks import harness
from benchmarks.harness import LoadGenerator, Options
from benchmarks.measurement import Pair, Result, alternate, at_least, median, ratios
from benchmarks.yardstick_server import BARE

IDS = ("P10", "P10n", "I1")

EMPTY = "/authn.v1.AccountService/GetPasswordPolicy"
"""An RPC that does next to nothing."""
VERIFY = "/authn.v1.TokenService/VerifyToken"


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    empty = [GetPasswordPolicyRequest()]
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
        harness.service(data, redis_url=redis) as service,
        harness.load(service.address, EMPTY, empty) as ours,
        harness.yardstick_server(BARE, redis) as bare,
        harness.load(bare, EMPTY, empty) as yardstick,
    ):
        yield ratio(
            "P10",
            "empty RPC with all interceptors",
            alternate_loads(ours, yardstick, options),
            yardstick="the same RPC on a bare grpcio sync server",
            limit=0.85,
        )
    yield from _measure_native(options)


def _measure_native(options: Options) -> Iterator[Result]:
    empty = [GetPasswordPolicyRequest()]
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
        harness.service(data, redis_url=redis, transport="native") as service,
        harness.yardstick_server(BARE, redis) as bare,
        harness.load(bare, EMPTY, empty) as yardstick,
    ):
        token = [VerifyTokenRequest(access_token=harness.access_token(service.address))]
        with harness.load(service.address, VERIFY, token) as verify:
            yield ratio(
                "P10n",
                "VerifyToken, warm, on the native transport",
                alternate_loads(verify, yardstick, options),
                yardstick="an empty RPC on a bare grpcio sync server",
                limit=2.5,
            )
        with harness.load(service.address, EMPTY, empty) as ours:
            yield ratio(
                "I1",
                "empty RPC with all interceptors on the native transport",
                alternate_loads(ours, yardstick, options),
                yardstick="the same RPC on a bare grpcio sync server",
            )


def alternate_loads(ours: LoadGenerator, yardstick: LoadGenerator, options: Options) -> list[Pair]:
    """Measure the rates of two loads in turn."""
    return alternate(
        lambda: ours.calls_per_second(options.seconds),
        lambda: yardstick.calls_per_second(options.seconds),
        rounds=options.rounds,
    )


def ratio(
    identity: str, name: str, pairs: list[Pair], *, yardstick: str, limit: float | None = None
) -> Result:
    """Give the line of a ratio of two rates."""
    rates = (median([p.ours for p in pairs]), median([p.yardstick for p in pairs]))
    return Result(
        id=identity,
        name=name,
        value=median(ratios(pairs)),
        unit="ratio",
        yardstick=f"{yardstick} ({rates[0]:,.0f}/s : {rates[1]:,.0f}/s)",
        samples=ratios(pairs),
        must=None if limit is None else at_least(limit),
    )
