"""Whether a check of a token takes longer when there are many sessions (P1s)."""

from collections.abc import Iterator
from contextlib import contextmanager

from authn.v1.token_service_pb2 import VerifyTokenRequest

from benchmarks import harness
from benchmarks.calls import VERIFY
from benchmarks.harness import LoadGenerator, Options
from benchmarks.measurement import Result, alternate, at_most, median, ratios
from benchmarks.memory import fill

IDS = ("P1s",)

_MANY, _SOME, _FEW = 1_000_000, 100_000, 1_000


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    many = _SOME if options.quick else _MANY
    with _checks(many) as crowded, _checks(_FEW) as quiet:
        pairs = alternate(
            lambda: crowded.p99(options.seconds),
            lambda: quiet.p99(options.seconds),
            rounds=options.rounds,
        )
    crowded_ms, quiet_ms = (
        1000 * median([getattr(pair, side) for pair in pairs]) for side in ("ours", "yardstick")
    )
    yield Result(
        id="P1s",
        name=f"VerifyToken p99 with {many:,} sessions",
        value=median(ratios(pairs)),
        unit="ratio",
        yardstick=f"the same with {_FEW:,} ({crowded_ms:.1f} ms : {quiet_ms:.1f} ms)",
        samples=ratios(pairs),
        must=at_most(1.1),
    )


@contextmanager
def _checks(sessions: int) -> Iterator[LoadGenerator]:
    """Load a service that has so many sessions."""
    with harness.redis_server(core=harness.LOAD_CORE) as redis, harness.directory() as data:
        fill(redis, sessions)
        with harness.service(data, redis_url=redis) as service:
            token = [VerifyTokenRequest(access_token=harness.access_token(service.address))]
            with harness.load(service.address, VERIFY, token) as load:
                yield load
