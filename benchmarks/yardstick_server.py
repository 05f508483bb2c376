"""The server that ours is measured against: the same grpcio and options.

Its Refresh runs one small script in Redis and answers with as many bytes as ours; its
GetPasswordPolicy does nothing. It has two forms: *bare*, with nothing around the calls, and threads
and redis-py as they come; and *layered*, with our interceptor around each call, our threads and our
connection to Redis.
"""

import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from authn.v1 import (
    account_service_pb2,
    account_service_pb2_grpc,
    auth_service_pb2,
    auth_service_pb2_grpc,
)
from authn.v1.token_pb2 import TokenSet
from redis import BlockingConnectionPool, Redis

from authsvc import policies
from authsvc.config import Config
from authsvc.domain.calling_service import CallingService
from authsvc.domain.client_certificates import ClientCertificate
from authsvc.errors import CallerUnauthenticated, TokenDefect, TokenInactive
from authsvc.metrics import Metrics
from authsvc.stores.redis.connection import Call, RedisConnection, Script
from authsvc.supervisor import import_heavy_modules
from authsvc.transport.access import access_rules
from authsvc.transport.callers import Callers
from authsvc.transport.handler_threads import HandlerThreads
from authsvc.transport.interceptors import CallInterceptor
from authsvc.transport.server import CONCURRENCY, SERVICES
from authsvc.transport.streams import Streams
from authsvc.transport.trace_context import Untraced
from authsvc.verify.claims import Claims

BARE, LAYERED = "bare", "layered"

_SOURCE = b"""
if redis.call('GET', KEYS[1]) then return -1 end
local record = redis.call('GET', KEYS[2])
if not record then record = ARGV[1] end
redis.call('SET', KEYS[2], record, 'PX', ARGV[2])
return {'rotated', record}
"""
"""It reads and writes what a rotation does, without judging anything."""

_RECORD_BYTES = 130
_ACCESS_TOKEN_CHARACTERS = 560
_FENCE = b"none"
_ARGUMENTS = (b"r" * _RECORD_BYTES, 1_209_600_000)

_RunScript = Callable[[bytes], object]
"""Runs the script on the record of this key."""


def _through_redis_py(redis_url: str) -> _RunScript:
    pool = BlockingConnectionPool.from_url(redis_url, max_connections=64, protocol=2)
    redis, script = Redis(connection_pool=pool), Script("yardstick", _SOURCE)
    redis.script_load(script.source)
    return lambda key: redis.evalsha(script.sha, 2, _FENCE, key, *_ARGUMENTS)


def _through_our_connection(redis_url: str) -> _RunScript:
    redis, script = RedisConnection(redis_url), Script("yardstick", _SOURCE)
    return lambda key: redis.run_unfenced([Call(script, (_FENCE, key), _ARGUMENTS)])


class _Auth(auth_service_pb2_grpc.AuthServiceServicer):
    def __init__(self, run_script: _RunScript) -> None:
        self._run_script = run_script
        self._answer = "e" * _ACCESS_TOKEN_CHARACTERS

    def Refresh(  # noqa: N802 - the contract's name
        self, request: auth_service_pb2.RefreshRequest, _: grpc.ServicerContext
    ) -> auth_service_pb2.RefreshResponse:
        token = request.refresh_token
        self._run_script(b"y" + token[-24:].encode())
        return auth_service_pb2.RefreshResponse(
            tokens=TokenSet(access_token=self._answer, refresh_token=token, token_type="Bearer")
        )


class _Accounts(account_service_pb2_grpc.AccountServiceServicer):
    def GetPasswordPolicy(  # noqa: N802 - the contract's name
        self, _request: account_service_pb2.GetPasswordPolicyRequest, _: grpc.ServicerContext
    ) -> account_service_pb2.GetPasswordPolicyResponse:
        return account_service_pb2.GetPasswordPolicyResponse()


class _NoServices:
    def by_api_key(self, api_key: str) -> CallingService:  # noqa: ARG002 - nobody has one
        raise CallerUnauthenticated

    def by_certificate(self, certificate: ClientCertificate) -> CallingService | None:  # noqa: ARG002
        return None

    def by_token(self, claims: Claims) -> CallingService:  # noqa: ARG002
        raise CallerUnauthenticated


def _no_assertion(_: str) -> CallingService:
    raise CallerUnauthenticated


def _no_access_token(_: str) -> Claims:
    raise TokenInactive(TokenDefect.MALFORMED)


def _interceptor(config: Config) -> CallInterceptor:
    """As `app.py` makes it in dev mode; only that no caller has a key or a token."""
    metrics = Metrics(name for service in SERVICES for name in service.methods_by_name)
    return CallInterceptor(
        rules=access_rules(SERVICES),
        callers=Callers(
            services=_NoServices(),
            verify_assertion=_no_assertion,
            verify=_no_access_token,
            trust_loopback=True,
            require_caller=False,
        ),
        metrics=metrics,
        streams=Streams(count=metrics.count),
        tracing=Untraced(),
        deadline=config.server_deadline,
        max_metadata_bytes=config.max_metadata_bytes,
        concurrency=CONCURRENCY,
    )


def main() -> None:
    """Serve in the form that is named, until the end; print the address first."""
    form, redis_url = sys.argv[1:]
    config = Config()
    layered = form == LAYERED
    if layered:
        import_heavy_modules()  # as a worker's supervisor does, which spares garbage collection
    run_script = _through_our_connection if layered else _through_redis_py
    limits = policies.limits(config)
    server = grpc.server(
        HandlerThreads(CONCURRENCY) if layered else ThreadPoolExecutor(CONCURRENCY),  # type: ignore[arg-type]
        interceptors=[_interceptor(config)] if layered else [],
        options=[*limits.channel_options(), *limits.age_options()],
    )
    # Their other methods are not called.
    auth = _Auth(run_script(redis_url))  # type: ignore[abstract]
    accounts = _Accounts()  # type: ignore[abstract]
    auth_service_pb2_grpc.add_AuthServiceServicer_to_server(auth, server)
    account_service_pb2_grpc.add_AccountServiceServicer_to_server(accounts, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
