"""What our own layers cost a call: P10, and for information the checks of tokens (I1, I2)."""

import secrets
from collections.abc import Iterator

from authn.v1.account_service_pb2 import GetPasswordPolicyRequest
from authn.v1.auth_service_pb2 import RegisterRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest, VerifyTokensRequest

from benchmarks import harness
from benchmarks.harness import LoadGenerator, Options
from benchmarks.measurement import Pair, Result, alternate, at_least, median, ratios
from benchmarks.yardstick_server import BARE

IDS = ("P10", "I1", "I2")

_EMPTY = "/authn.v1.AccountService/GetPasswordPolicy"
_VERIFY = "/authn.v1.TokenService/VerifyToken"
_VERIFY_MANY = "/authn.v1.TokenService/VerifyTokens"
_BATCH = 100


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    empty = [GetPasswordPolicyRequest()]
    with (
        harness.redis_server(core=harness.LOAD_CORE) as redis,
        harness.directory() as data,
        harness.service(data, redis_url=redis) as service,
        harness.load(service.address, _EMPTY, empty) as ours,
    ):
        with (
            harness.yardstick_server(BARE, redis) as bare,
            harness.load(bare, _EMPTY, empty) as yardstick,
        ):
            yield _result(
                "P10",
                "empty RPC with all interceptors",
                _alternate(ours, yardstick, options),
                yardstick="the same RPC on a bare grpcio sync server",
                limit=0.85,
            )
        yield from _measure_checks(service.address, ours, options)


def _measure_checks(address: str, empty: LoadGenerator, options: Options) -> Iterator[Result]:
    token = _access_token(address)
    one = [VerifyTokenRequest(access_token=token)]
    many = [VerifyTokensRequest(access_tokens=[token] * _BATCH)]
    with (
        harness.load(address, _VERIFY, one) as verify,
        harness.load(address, _VERIFY_MANY, many) as verify_many,
    ):
        yield _result(
            "I1",
            "VerifyToken",
            _alternate(verify, empty, options),
            yardstick="an empty RPC on the same server",
        )
        pairs = _alternate(verify_many, verify, options)
        yield _result(
            "I2",
            f"VerifyTokens, {_BATCH} per call, tokens/s",
            [Pair(pair.ours * _BATCH, pair.yardstick) for pair in pairs],
            yardstick="VerifyToken calls/s",
        )


def _alternate(ours: LoadGenerator, yardstick: LoadGenerator, options: Options) -> list[Pair]:
    return alternate(
        lambda: ours.calls_per_second(options.seconds),
        lambda: yardstick.calls_per_second(options.seconds),
        rounds=options.rounds,
    )


def _result(
    identity: str, name: str, pairs: list[Pair], *, yardstick: str, limit: float | None = None
) -> Result:
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


def _access_token(address: str) -> str:
    with harness.stubs(address) as stubs:
        request = RegisterRequest(
            username=f"u{secrets.token_hex(8)}", password=harness.PASSWORD, scopes=["orders:read"]
        )
        return stubs.auth.Register(request).tokens.access_token
