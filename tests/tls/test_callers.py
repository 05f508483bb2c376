"""Which service a certificate proves, and what it may then do."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from authn.v1.service_account_service_pb2 import (
    DisableServiceAccountRequest,
    UpdateServiceAccountRequest,
)
from authn.v1.service_account_service_pb2_grpc import ServiceAccountServiceStub
from authn.v1.token_service_pb2 import IntrospectTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub
from cryptography import x509
from google.protobuf.field_mask_pb2 import FieldMask

from tests.tls.certificates import spiffe
from tests.tls.conftest import Mutual
from tests.transport.calls import by_key, outcome, refused, send
from tests.transport.watching import Watcher

NOT_A_SERVICE = "CALLER_UNAUTHENTICATED"


@pytest.fixture(name="name")
def _name() -> str:
    return f"n{secrets.token_hex(6)}"


def uri(name: str) -> str:
    return f"spiffe://test.example/{name}"


def test_p_int_1_a_spiffe_id_proves_a_service(mutual: Mutual, name: str) -> None:
    mutual.service_account(uri(name))

    assert mutual.outcome(mutual.certified(spiffe(name))) == "OK"


def test_p_int_1_a_dns_name_proves_a_service_in_capitals_too(mutual: Mutual, name: str) -> None:
    mutual.service_account(f"{name}.internal")

    for written in (f"{name}.internal", f"{name}.Internal".replace("n", "N", 1)):
        assert mutual.outcome(mutual.certified(x509.DNSName(written))) == "OK"


def test_p_int_1_the_right_certificate_for_the_wrong_method_is_denied(
    mutual: Mutual, name: str
) -> None:
    mutual.service_account(uri(name), scopes=("authsvc.tokens.introspect",))
    client = mutual.certified(spiffe(name))
    request = IntrospectTokenRequest(token="x")

    assert mutual.outcome(client, "IntrospectToken", request=request) == "OK"
    assert mutual.outcome(client, "ListKeys") == "ACCESS_DENIED"


def test_p_int_1_the_common_name_proves_nothing(mutual: Mutual) -> None:
    # Every certificate of the tests has this one.
    mutual.service_account("orders", name="orders")

    assert mutual.outcome(mutual.certified()) == NOT_A_SERVICE
    assert mutual.outcome(mutual.certified(x509.RFC822Name("orders"))) == NOT_A_SERVICE


@pytest.mark.parametrize(
    "other",
    ["{}x", "{}/", "{}/x", "", "x{}", "%6E{}"],
)
def test_p_int_1_names_are_alike_in_every_letter(mutual: Mutual, name: str, other: str) -> None:
    mutual.service_account(uri(name))

    assert mutual.outcome(mutual.certified(spiffe(other.format(name)))) == NOT_A_SERVICE
    assert mutual.outcome(mutual.certified(spiffe(name.upper()))) == NOT_A_SERVICE


def test_p_int_1_a_wildcard_matches_itself_alone(mutual: Mutual, name: str) -> None:
    mutual.service_account(f"a.{name}.internal")

    client = mutual.certified(x509.DNSName(f"*.{name}.internal"))

    assert mutual.outcome(client) == NOT_A_SERVICE


def test_p_int_1_names_of_several_services_prove_none(mutual: Mutual, name: str) -> None:
    mutual.service_account(uri(name))
    mutual.service_account(f"{name}.internal")

    both = mutual.certified(spiffe(name), x509.DNSName(f"{name}.internal"))

    assert mutual.outcome(both) == NOT_A_SERVICE


def test_several_names_of_one_service_prove_it(mutual: Mutual, name: str) -> None:
    mutual.service_account(uri(name), f"{name}.internal")

    both = mutual.certified(
        spiffe(name), x509.DNSName(f"{name}.internal"), x509.DNSName("unknown.internal")
    )

    assert mutual.outcome(both) == "OK"


def test_p_int_1_a_spiffe_certificate_with_two_uris_proves_nothing(
    mutual: Mutual, name: str
) -> None:
    key = mutual.service_account(uri(name))

    for second in (spiffe("other"), x509.UniformResourceIdentifier("https://a.example")):
        for names in ((spiffe(name), second), (second, spiffe(name))):
            client = mutual.certified(*names)
            assert mutual.outcome(client) == NOT_A_SERVICE
            assert mutual.outcome(client, metadata=by_key(key)) == NOT_A_SERVICE


def test_p_int_1_a_certificate_with_too_many_names_proves_nothing(
    mutual: Mutual, name: str
) -> None:
    mutual.service_account(f"{name}.internal")
    own = x509.DNSName(f"{name}.internal")
    others = [x509.DNSName(f"d{n}.internal") for n in range(16)]

    assert mutual.outcome(mutual.certified(own, *others[1:])) == "OK"
    assert mutual.outcome(mutual.certified(own, *others)) == NOT_A_SERVICE


def test_a_certificate_that_names_nobody_leaves_it_to_the_key(mutual: Mutual, name: str) -> None:
    key = mutual.service_account(uri(name))
    stranger = mutual.certified(spiffe("nobody"))

    assert mutual.outcome(stranger) == NOT_A_SERVICE
    assert mutual.outcome(stranger, metadata=by_key(key)) == "OK"


def test_p_int_1_a_certificate_and_a_key_must_be_of_one_service(mutual: Mutual, name: str) -> None:
    own = mutual.service_account(uri(name))
    foreign = mutual.service_account()
    client = mutual.certified(spiffe(name))

    assert mutual.outcome(client, metadata=by_key(own)) == "OK"
    assert mutual.outcome(client, metadata=by_key(foreign)) == NOT_A_SERVICE
    assert mutual.outcome(client, metadata=by_key("ask_garbled")) == NOT_A_SERVICE


@pytest.fixture(name="admin")
def _admin(mutual: Mutual) -> Iterator[ServiceAccountServiceStub]:
    """Who looks after service accounts, known by certificate like everybody."""
    name = f"admin-{secrets.token_hex(4)}"
    mutual.service_account(uri(name), scopes=("authsvc.services.write",))
    with mutual.channel(mutual.certified(spiffe(name))) as channel:
        yield ServiceAccountServiceStub(channel)


def test_p_int_1_a_disabled_service_is_dead_at_once_on_its_open_connection(
    mutual: Mutual, name: str, admin: ServiceAccountServiceStub
) -> None:
    key = mutual.service_account(uri(name), name=name)
    with mutual.channel(mutual.certified(spiffe(name))) as channel:
        assert outcome(lambda: send(channel, "GetJwks")) == "OK"

        admin.DisableServiceAccount(DisableServiceAccountRequest(name=name))

        assert outcome(lambda: send(channel, "GetJwks")) == NOT_A_SERVICE
        assert outcome(lambda: send(channel, "GetJwks", metadata=by_key(key))) == NOT_A_SERVICE


def test_p_int_1_a_name_that_was_taken_away_is_dead_at_once(
    mutual: Mutual, name: str, admin: ServiceAccountServiceStub
) -> None:
    mutual.service_account(uri(name), name=name)
    with mutual.channel(mutual.certified(spiffe(name))) as channel:
        assert outcome(lambda: send(channel, "GetJwks")) == "OK"

        admin.UpdateServiceAccount(
            UpdateServiceAccountRequest(
                name=name, update_mask=FieldMask(paths=["certificate_names"])
            )
        )

        assert outcome(lambda: send(channel, "GetJwks")) == NOT_A_SERVICE


def test_p_int_1_streams_know_their_caller_by_certificate(mutual: Mutual, name: str) -> None:
    mutual.service_account(uri(name), scopes=("authsvc.revocations.watch",))

    assert mutual.outcome(mutual.certified(spiffe(name)), "WatchRevocations") == "OK"
    assert mutual.outcome(mutual.certified(spiffe("x")), "WatchRevocations") == NOT_A_SERVICE


def test_p_int_1_a_stream_ends_when_its_service_is_disabled_and_no_other_does(
    mutual: Mutual, name: str, admin: ServiceAccountServiceStub
) -> None:
    with ExitStack() as stack:
        watchers = []
        for one in (name, f"{name}-2"):
            mutual.service_account(uri(one), name=one, scopes=("authsvc.revocations.watch",))
            channel = stack.enter_context(mutual.channel(mutual.certified(spiffe(one))))
            watchers.append(Watcher(TokenServiceStub(channel)))
        for watcher in watchers:
            watcher.read()

        admin.DisableServiceAccount(DisableServiceAccountRequest(name=name))
        mutual.service.app.watching.streams.check_callers()

        refusal = refused(lambda: watchers[0].read_until(lambda _: False))
        assert refusal.reason == NOT_A_SERVICE
        mutual.service_account(name=f"{name}-3")
        last = admin.DisableServiceAccount(DisableServiceAccountRequest(name=f"{name}-3")).revision
        watchers[1].read_until(lambda piece: piece.revision >= last)
        watchers[1].call.cancel()
