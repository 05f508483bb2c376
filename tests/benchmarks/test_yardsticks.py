"""What we are measured against does its work: a server that refused would look fast, or slow."""

import grpc
import pytest
from authn.v1.account_service_pb2 import GetPasswordPolicyRequest
from authn.v1.account_service_pb2_grpc import AccountServiceStub
from authn.v1.auth_service_pb2 import RefreshRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub

from benchmarks.harness import yardstick_server
from benchmarks.yardstick_server import BARE, LAYERED
from tests.stores.hot.servers import valkey


@pytest.mark.parametrize("form", [BARE, LAYERED])
def test_a_yardstick_answers_and_runs_its_script(form: str) -> None:
    with (
        valkey() as redis,
        yardstick_server(form, redis.url) as address,
        grpc.insecure_channel(address) as channel,
    ):
        AccountServiceStub(channel).GetPasswordPolicy(GetPasswordPolicyRequest(), timeout=10)
        request = RefreshRequest(refresh_token="t" * 64)
        answer = AuthServiceStub(channel).Refresh(request, timeout=10)

        assert answer.tokens.access_token
        with redis.client() as client:
            assert client.get(b"y" + 24 * b"t")
