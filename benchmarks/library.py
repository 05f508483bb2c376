"""What a check costs in the caller's own process: P7 cold, P7b warm."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice

import grpc
from authn.v1.token_service_pb2 import GetJwksRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from nacl.bindings import crypto_sign_open

from authsvc.client import Verifier
from authsvc.verify.jws import decode_base64url
from benchmarks import harness
from benchmarks.checking import mint
from benchmarks.harness import Options
from benchmarks.measurement import Result, alternate, at_least, at_most, median, ratios

IDS = ("P7", "P7b")

_TOKENS = 4_000


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with harness.directory() as data, harness.service(data, core=harness.LOAD_CORE) as service:
        fresh = iter(list(mint(data, _TOKENS * (options.rounds + 1))))
        with Verifier(
            service.address, issuer="https://authsvc.localhost", audience="authsvc"
        ) as verifier:
            verifier.wait_until_ready(timedelta(seconds=30))
            verify = partial(_verify_all, verifier)
            check = partial(_check_all, _public_key(service.address))
            os.sched_setaffinity(0, {harness.SERVER_CORE})
            try:
                yield _cold(verify, check, fresh, options)
                yield _warm(verifier, harness.access_token(service.address), options)
            finally:
                os.sched_setaffinity(0, {harness.SERVER_CORE, harness.LOAD_CORE})


def _cold(
    verify: Callable[[Sequence[str]], float],
    check: Callable[[Sequence[str]], float],
    fresh: Iterator[str],
    options: Options,
) -> Result:
    batch: list[str] = []

    def ours() -> float:
        batch[:] = islice(fresh, _TOKENS)  # the library has not seen these
        return verify(batch)

    pairs = alternate(ours, lambda: check(batch), rounds=options.rounds)
    cold, raw = (median([getattr(p, side) for p in pairs]) for side in ("ours", "yardstick"))
    return Result(
        id="P7",
        name="a check in the library, each token for the first time",
        value=median(ratios(pairs)),
        unit="ratio",
        yardstick=f"PyNaCl checking the same signatures ({cold:.1f} µs : {raw:.1f} µs)",
        samples=ratios(pairs),
        must=at_most(1.3),
    )


def _warm(verifier: Verifier, token: str, options: Options) -> Result:
    same = [token] * _TOKENS * 10
    samples = tuple(1e6 / _verify_all(verifier, same) for _ in range(options.rounds))
    return Result(
        id="P7b",
        name="checks in the library, warm, on one core",
        value=median(samples),
        unit="checks/s",
        yardstick="the clock",
        samples=samples,
        must=at_least(300_000),
    )


def _verify_all(verifier: Verifier, tokens: Sequence[str]) -> float:
    """Give the µs that a check takes."""
    started = time.perf_counter()
    for token in tokens:
        verifier.verify(token)
    return (time.perf_counter() - started) / len(tokens) * 1e6


def _check_all(key: bytes, tokens: Sequence[str]) -> float:
    """Give the µs that a signature takes."""
    signed = []
    for token in tokens:
        signing_input, _, signature = token.rpartition(".")
        signed.append(decode_base64url(signature.encode()) + signing_input.encode())
    started = time.perf_counter()
    for message in signed:
        crypto_sign_open(message, key)
    return (time.perf_counter() - started) / len(tokens) * 1e6


def _public_key(address: str) -> bytes:
    with grpc.insecure_channel(address) as channel:
        [first, *_] = TokenServiceStub(channel).GetJwks(GetJwksRequest()).keys
    return decode_base64url(first.x.encode())
