"""Which address an attempt counts for (attack rows 29 and 31)."""

import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.calls import PUBLIC_CLIENT, Call
from tests.promises.asking import metrics
from tests.service import PASSWORD, Service, reason, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import by_key, issue_api_key, refused

LIMIT = 40
FORWARDED = (("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1"))


def call(peer: str, *, client_id: str = PUBLIC_CLIENT) -> Call:
    """A call from an address."""
    return Call(client_id=client_id, client_scopes=frozenset(), peer=peer, time_left=_never)


def _never() -> Any:
    raise AssertionError


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_every_spelling_of_an_address_is_one_origin(address: str, origin: str) -> None:
    assert call(address).origin("") == origin
    assert call("192.0.2.9", client_id="web").origin(address) == origin


def test_only_a_calling_service_is_believed_where_a_person_is() -> None:
    assert call("192.0.2.9").origin("203.0.113.7") == "192.0.2.9"
    assert call("192.0.2.9", client_id="web").origin("203.0.113.7") == "203.0.113.7"
    assert call("192.0.2.9", client_id="web").origin("") == "192.0.2.9"


@given(st.ip_addresses(v=6))
def test_whoever_has_a_network_has_one_origin(address: Any) -> None:
    other = address.__class__(int(address) ^ 1)
    if address.ipv4_mapped is None:
        assert call(str(address)).origin("") == call(str(other)).origin("")


@pytest.fixture(name="spraying", scope="module")
def _spraying(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on which somebody has tried one password with many names from one address."""
    data = tmp_path_factory.mktemp("spraying")
    settings = {"mode": "production", "require_caller": False, "address_failure_limit": LIMIT}
    with valkey() as server, running(data=data, redis_url=server.url, **settings) as service:
        for number in range(LIMIT):
            answer = refused(lambda n=number: spray(service, n))
            assert answer.reason == "INVALID_CREDENTIALS"
        yield service


def spray(service: Service, number: int, *metadata: tuple[str, str], **client: str) -> None:
    """Try one password with one of many names."""
    request = LoginRequest(identifier=f"name-{number}", password=PASSWORD, client=client)
    service.auth.Login(request, metadata=metadata)


def test_p_thr_1_a_spray_from_one_address_ends_and_no_metadata_goes_around_it(
    spraying: Service,
) -> None:
    for metadata in ((), FORWARDED, (("x-real-ip", "192.0.2.1"),)):
        answer = refused(lambda m=metadata: spray(spraying, LIMIT, *m))
        assert answer.reason == "TOO_MANY_ATTEMPTS"
        assert answer.retry_after is not None
    answer = refused(lambda: spray(spraying, LIMIT, ip_address="192.0.2.1"))
    assert answer.reason == "TOO_MANY_ATTEMPTS"  # nobody vouches for it


def test_p_thr_2_a_spray_elsewhere_is_no_matter_to_those_a_service_vouches_for(
    spraying: Service,
) -> None:
    key, _ = issue_api_key(spraying)
    answer = refused(lambda: spray(spraying, LIMIT, *by_key(key), ip_address="192.0.2.1"))
    assert answer.reason == "INVALID_CREDENTIALS"


def test_refusals_are_counted_by_the_limit_that_was_met(spraying: Service) -> None:
    refused(lambda: spray(spraying, LIMIT))
    assert re.search(r'authsvc_throttled_total{kind="login-peer"} [1-9]', metrics(spraying))


def test_p_thr_3_taken_names_can_be_asked_for_so_often_from_one_address(
    spraying: Service,
) -> None:
    request = RegisterRequest(username="taken", password=PASSWORD)
    spraying.auth.Register(request)
    answers = [_reason(lambda: spraying.auth.Register(request)) for _ in range(LIMIT + 1)]
    assert answers == ["USERNAME_TAKEN"] * LIMIT + ["TOO_MANY_ATTEMPTS"]


def _reason(call: Any) -> str:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return reason(error.value)
