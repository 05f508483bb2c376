"""The bare server that ours is measured against: the same grpcio, threads and options, no more.

Its Refresh runs one small script in Redis through redis-py and answers with as many bytes as ours;
its GetPasswordPolicy does nothing.
"""

import hashlib
import secrets
import signal
import sys
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

from authsvc.config import Config
from authsvc.transport.server import HANDLER_THREADS, Limits

_SCRIPT = """
if redis.call('GET', KEYS[1]) then return -1 end
local record = redis.call('GET', KEYS[2])
if not record then record = ARGV[1] end
redis.call('SET', KEYS[2], record, 'PX', ARGV[2])
return {'rotated', record}
"""
"""It reads and writes what a rotation does, without judging anything."""

_RECORD_BYTES = 130
_ACCESS_TOKEN_CHARACTERS = 560


class _Auth(auth_service_pb2_grpc.AuthServiceServicer):
    def __init__(self, redis_url: str) -> None:
        pool = BlockingConnectionPool.from_url(redis_url, max_connections=64, protocol=2)
        self._redis = Redis(connection_pool=pool)
        self._sha = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
        self._redis.script_load(_SCRIPT)
        self._record = secrets.token_bytes(_RECORD_BYTES)
        self._answer = "e" * _ACCESS_TOKEN_CHARACTERS

    def Refresh(  # noqa: N802 - the contract's name
        self, request: auth_service_pb2.RefreshRequest, _: grpc.ServicerContext
    ) -> auth_service_pb2.RefreshResponse:
        token = request.refresh_token
        self._redis.evalsha(self._sha, 2, "none", f"y{token[-24:]}", self._record, 1_209_600_000)
        return auth_service_pb2.RefreshResponse(
            tokens=TokenSet(access_token=self._answer, refresh_token=token, token_type="Bearer")
        )


class _Accounts(account_service_pb2_grpc.AccountServiceServicer):
    def GetPasswordPolicy(  # noqa: N802 - the contract's name
        self, _request: account_service_pb2.GetPasswordPolicyRequest, _: grpc.ServicerContext
    ) -> account_service_pb2.GetPasswordPolicyResponse:
        return account_service_pb2.GetPasswordPolicyResponse()


def main() -> None:
    """Serve until the end; print the address first."""
    config = Config()
    limits = Limits(
        message_bytes=config.max_message_bytes,
        metadata_bytes=config.max_metadata_bytes,
        concurrent_streams=config.max_concurrent_streams,
        connection_age=config.max_connection_age,
        connection_grace=config.drain_grace,
    )
    options = [*limits.channel_options(), *limits.age_options()]
    server = grpc.server(ThreadPoolExecutor(HANDLER_THREADS), options=options)
    # Their other methods are not called.
    auth = _Auth(sys.argv[1])  # type: ignore[abstract]
    accounts = _Accounts()  # type: ignore[abstract]
    auth_service_pb2_grpc.add_AuthServiceServicer_to_server(auth, server)
    account_service_pb2_grpc.add_AccountServiceServicer_to_server(accounts, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
