"""What it costs to know a calling service: the second half of P9."""

from collections.abc import Iterator

import grpc
from authn.v1.service_account_service_pb2 import (
    CreateApiKeyRequest,
    CreateServiceAccountRequest,
)
from authn.v1.service_account_service_pb2_grpc import ServiceAccountServiceStub
from authn.v1.token_service_pb2 import VerifyTokenRequest
from google.protobuf.duration_pb2 import Duration

from benchmarks import harness
from benchmarks.calls import VERIFY, alternate_loads, ratio
from benchmarks.harness import Options
from benchmarks.measurement import Result

IDS = ("P9b",)


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    with harness.directory() as data, harness.service(data) as service:
        token = [VerifyTokenRequest(access_token=harness.access_token(service.address))]
        by_key = {"x-authsvc-api-key": _api_key(service.address)}
        with (
            harness.load(service.address, VERIFY, token) as anonymous,
            harness.load(service.address, VERIFY, token, metadata=by_key) as known,
        ):
            pairs = alternate_loads(known, anonymous, options)
            beside = "the same by a caller without a credential"
            yield ratio("P9b", "VerifyToken by API key", pairs, yardstick=beside, limit=0.9)


def _api_key(address: str) -> str:
    """Make a calling service, and give a key of it."""
    service = CreateServiceAccountRequest(name="load", methods=["*"], audiences=["*"])
    key = CreateApiKeyRequest(service_account="load", ttl=Duration(seconds=3600))
    with grpc.insecure_channel(address) as channel:
        services = ServiceAccountServiceStub(channel)
        services.CreateServiceAccount(service)
        return services.CreateApiKey(key).api_key
