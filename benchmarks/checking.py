"""What a check of tokens costs: P1, P1d, P2, and what a live revocation costs a worker's memory."""

import secrets
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from authn.v1.account_service_pb2 import GetPasswordPolicyRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest, VerifyTokensRequest

from authsvc import policies, recording
from authsvc.config import load
from authsvc.configuration_values import decode_master_key
from authsvc.domain.identifiers import account_partition, new_account_id, new_session_id
from authsvc.domain.keys import Keys
from authsvc.domain.sessions import ClientInfo, Session
from authsvc.domain.tokens import TokenIssuer
from authsvc.embedded import dev_master_key
from authsvc.metrics import Metrics
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.keys import SqlKeyStore
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.settings import SqlSettings
from authsvc.system_clock import steady_clock
from authsvc.verify.revocations import RevocationEntry, RevocationIndex, RevocationKind
from benchmarks import harness
from benchmarks.calls import EMPTY, VERIFY, alternate_loads, ratio
from benchmarks.harness import Options
from benchmarks.measurement import Pair, Result, at_most

IDS = ("P1", "P1d", "P2", "I2")

_VERIFY_MANY = "/authn.v1.TokenService/VerifyTokens"
_BATCH = 100
_DISTINCT = 60_000
"""Three times what the cache holds: used in turn, every check is the first."""
_REVOCATIONS = 1_000_000


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with harness.directory() as data, harness.service(data) as service:
        token = harness.access_token(service.address)
        one = [VerifyTokenRequest(access_token=token)]
        many = [VerifyTokensRequest(access_tokens=[token] * _BATCH)]
        distinct = [VerifyTokenRequest(access_token=each) for each in mint(data, _DISTINCT)]
        empty = [GetPasswordPolicyRequest()]
        with (
            harness.load(service.address, EMPTY, empty) as yardstick,
            harness.load(service.address, VERIFY, one) as verify,
            harness.load(service.address, VERIFY, distinct) as verify_distinct,
            harness.load(service.address, _VERIFY_MANY, many) as verify_many,
        ):
            beside = "an empty RPC on the same server"
            pairs = alternate_loads(verify, yardstick, options)
            yield ratio("P1", "VerifyToken, warm", pairs, yardstick=beside, limit=0.9)
            pairs = alternate_loads(verify_distinct, yardstick, options)
            yield ratio("P1d", "VerifyToken, all distinct", pairs, yardstick=beside, limit=0.6)
            pairs = [
                Pair(pair.ours * _BATCH, pair.yardstick)
                for pair in alternate_loads(verify_many, verify, options)
            ]
            name = f"VerifyTokens, {_BATCH} per call, tokens/s"
            yield ratio("P2", name, pairs, yardstick="VerifyToken calls/s, warm", limit=20)
    yield _measure_index(100_000 if options.quick else _REVOCATIONS)


def _measure_index(count: int) -> Result:
    index = RevocationIndex()
    now = datetime.now(UTC).timestamp()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    index.add(
        RevocationEntry(RevocationKind.SESSION, secrets.token_urlsafe(16), 0, now + number % 86400)
        for number in range(count)
    )
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = (after - before) / count
    return Result(
        id="I2",
        name="memory of a live revocation in a worker",
        value=size,
        unit="bytes",
        yardstick=f"tracemalloc with {count:,} sessions revoked, less that without",
        samples=(size,),
        must=at_most(100),
    )


def mint(data: Path, count: int) -> Iterator[str]:
    """Sign tokens with the service's own key, as it would after as many logins."""
    config = load(mode="dev", data=data)
    engine = connect(config.sql_url())
    sealer = Sealer(decode_master_key(dev_master_key(data)))
    clock = steady_clock()
    outbox = recording.put_together(
        engine, SqlSettings(engine, sealer), metrics=Metrics(()), clock=clock
    ).outbox
    store = SqlKeyStore(engine, outbox, sealer)
    keys = Keys(store=store, policy=policies.key_policy(config), clock=clock)
    keys.reload()
    engine.dispose()
    issuer = TokenIssuer(
        issuer=config.issuer,
        lifetime=config.access_token_lifetime,
        signing_key=keys.signing_key,
    )
    now = datetime.now(UTC)
    for _ in range(count):
        yield issuer.issue(_session(now), now=now).text


def _session(now: datetime) -> Session:
    account_id = new_account_id()
    return Session(
        session_id=new_session_id(account_partition(account_id)),
        account_id=account_id,
        epoch=0,
        client_id="dev",
        audience="authsvc",
        scopes=("orders:read",),
        roles=(),
        amr=("pwd",),
        client=ClientInfo(),
        nonce_hash=bytes(16),
        generation=0,
        create_time=now,
        auth_time=now,
        last_use_time=now,
        idle_lifetime=timedelta(days=1),
        absolute_expire_time=now + timedelta(days=1),
    )
