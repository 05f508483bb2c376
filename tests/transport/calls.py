"""Any method of the contract, called by its descriptor, and what a refusal says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import pytest
from authn.v1.access_pb2 import Access, access
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.service_account_service_pb2 import RevokeApiKeyRequest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

from authsvc.domain.service_accounts import ServiceAccountState
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.transport.server import SERVICES
from tests.callers import key_of, service_account
from tests.service import PASSWORD, Service
from tests.stores.outbox import EVENT, outbox

NO_ACCOUNT = "acc_" + "0" * 32
NO_SESSION = "A" * 22
NO_FACTOR = "fac_" + "0" * 32
NO_KEY = "A" * 43
NO_API_KEY = "key_" + "A" * 16
NO_SERVICE = "no-such-service"

METHODS: dict[str, MethodDescriptor] = {
    method.name: method for service in SERVICES for method in service.methods
}
"""Every method of the contract, by its name; no two services share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a failed call says."""

    code: grpc.StatusCode
    reason: str
    message: str
    fields: tuple[str, ...]
    retry_after: timedelta | None
    raw: bytes
    """The whole `google.rpc.Status`."""


def rule(method: MethodDescriptor) -> Access:
    """The access option of a method."""
    return method.GetOptions().Extensions[access]


def request_of(name: str, /, **fields: Any) -> Message:
    """A request of a method."""
    return GetMessageClass(METHODS[name].input_type)(**fields)


def path_of(name: str) -> str:
    """The path of a method on the wire."""
    method = METHODS[name]
    return f"/{method.containing_service.full_name}/{name}"


def send(
    channel: grpc.Channel,
    name: str,
    request: Message | bytes = b"",
    *,
    metadata: tuple[tuple[str, str | bytes], ...] = (),
    timeout: float = 20,
) -> Any:
    """Call a method with a request or with any bytes, which are all of a stream of requests; give
    the first response of a stream of responses.
    """
    data = request if isinstance(request, bytes) else request.SerializeToString()
    is_stream = METHODS[name].server_streaming
    takes_stream = METHODS[name].client_streaming
    opened = channel.unary_stream if is_stream else channel.unary_unary
    answer = (channel.stream_unary if takes_stream else opened)(
        path_of(name),
        request_serializer=None,
        response_deserializer=GetMessageClass(METHODS[name].output_type).FromString,
    )
    called = answer(iter([data]) if takes_stream else data, metadata=metadata, timeout=timeout)
    if not is_stream:
        return called
    first = next(called)
    called.cancel()
    return first


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Read a failed call."""
    status = rpc_status.from_call(error)
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    retry_after = None
    for detail in status.details if status else ():
        detail.Unpack(info)
        detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
    return Refusal(
        code=error.code(),
        reason=info.reason,
        message=error.details() or "",
        fields=tuple(violation.field for violation in bad.field_violations),
        retry_after=retry_after,
        raw=status.SerializeToString(deterministic=True) if status else b"",
    )


def refused(call: Callable[[], object]) -> Refusal:
    """The refusal of a call that must not succeed."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return refusal_of(caught.value)


def outcome(call: Callable[[], object]) -> str:
    """The reason of a refusal, its status if it has none, or OK."""
    try:
        call()
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        return refusal.reason or refusal.code.name
    return "OK"


@contextmanager
def service_accounts(service: Service) -> Iterator[SqlServiceAccountStore]:
    """The store of the calling services, behind the service's back."""
    engine = connect(service.app.config.sql_url())
    try:
        yield SqlServiceAccountStore(engine, outbox(engine))
    finally:
        engine.dispose()


def issue_api_key(
    service: Service,
    *scopes: str,
    state: ServiceAccountState = ServiceAccountState.ACTIVE,
    life: timedelta | None = None,
    **fields: Any,
) -> tuple[str, str]:
    """Make a calling service with one key; give the key and its id."""
    now = service.clock()
    account = service_account(now=now, scopes=scopes, state=state, **fields)
    text, key = key_of(account, now=now, expire_time=now + life if life is not None else None)
    with service_accounts(service) as store:
        store.create(account, event=EVENT)
        store.add_key(key, event=EVENT)
    return text, key.key_id


def revoke_api_key(service: Service, key_id: str) -> int:
    """End a key as an administrator does; give the revision at which it is dead."""
    admin, _ = issue_api_key(service, "authsvc.services.write")
    request = RevokeApiKeyRequest(key_id=key_id)
    return service.service_account.RevokeApiKey(request, metadata=by_key(admin)).revision


def by_key(api_key: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a calling service."""
    return (("x-authsvc-api-key", api_key),)


def attempt(service: Service, identifier: str, password: str = PASSWORD, **fields: Any) -> Refusal:
    """A login that must fail."""
    request = LoginRequest(identifier=identifier, password=password, **fields)
    return refused(lambda: service.auth.Login(request))
