"""Who gets no connection, and who gets one that leads nowhere."""

import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import timedelta

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc.experimental import session_cache

from tests.tls.certificates import DAY, Authority, Pair, spiffe
from tests.tls.conftest import Mutual
from tests.transport.calls import outcome, send

FOREIGN = Authority("foreign CA")
SAME_NAME = Authority("test CA")

NO_CONNECTION: dict[str, Callable[[Mutual], Pair | None]] = {
    "no certificate": lambda _: None,
    "a foreign CA": lambda _: FOREIGN.client(spiffe("orders")),
    "a foreign CA of the same name": lambda _: SAME_NAME.client(spiffe("orders")),
    "expired": lambda m: m.certified(spiffe("orders"), begin=-2 * DAY, end=-DAY),
    "of the future": lambda m: m.certified(spiffe("orders"), begin=DAY, end=2 * DAY),
    "for servers": lambda m: m.ca.issue(spiffe("orders"), usage=(ExtendedKeyUsageOID.SERVER_AUTH,)),
    "of the server itself": lambda m: Pair(
        (m.directory / "server.pem").read_bytes(), (m.directory / "server-key.pem").read_bytes()
    ),
}


@pytest.mark.parametrize("name", NO_CONNECTION)
def test_p_int_1_a_wrong_client_certificate_gets_no_connection(mutual: Mutual, name: str) -> None:
    assert mutual.outcome(NO_CONNECTION[name](mutual)) == "UNAVAILABLE"


def test_p_int_1_a_certificate_of_the_trusted_ca_gets_a_connection_and_no_more(
    mutual: Mutual,
) -> None:
    assert mutual.outcome(mutual.certified(spiffe("nobody"))) == "CALLER_UNAUTHENTICATED"


def test_plaintext_gets_no_connection(mutual: Mutual) -> None:
    with grpc.insecure_channel(mutual.service.address) as channel:
        assert outcome(lambda: send(channel, "GetJwks")) == "UNAVAILABLE"


def test_a_client_that_trusts_another_ca_turns_away(mutual: Mutual) -> None:
    client = mutual.certified(spiffe("nobody"))
    with mutual.channel(client, ca=FOREIGN) as channel:
        assert outcome(lambda: send(channel, "GetJwks")) == "UNAVAILABLE"


def _connect(mutual: Mutual, adapt: Callable[[ssl.SSLContext], None]) -> tuple[str | None, bytes]:
    """Shake hands as any TLS client, and give the version and the first bytes that come."""
    client = mutual.certified(spiffe("nobody"))
    certificate, key = client.write(mutual.directory, "raw")
    context = ssl.create_default_context(cadata=mutual.ca.certificate.decode())
    context.load_cert_chain(certificate, key)
    context.set_ciphers("ALL:@SECLEVEL=0")  # or else our own side would refuse what is old
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        adapt(context)
    host, _, port = mutual.service.address.partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        return connection.version(), connection.recv(9)


def _at_most(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def adapt(context: ssl.SSLContext) -> None:
        context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = version

    return adapt


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_1_2_and_newer_are_spoken(mutual: Mutual, version: str) -> None:
    spoken, settings = _connect(mutual, _at_most(ssl.TLSVersion[version]))

    assert spoken == version.replace("_", ".")
    assert settings[3] == 4  # SETTINGS, with which HTTP/2 begins


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_p_int_1_tls_before_1_2_is_refused(mutual: Mutual, version: str) -> None:
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        _connect(mutual, _at_most(ssl.TLSVersion[version]))


@pytest.mark.parametrize("protocols", [["http/1.1"], []])
def test_nothing_but_http_2_is_spoken(mutual: Mutual, protocols: list[str]) -> None:
    def adapt(context: ssl.SSLContext) -> None:
        context.set_alpn_protocols(protocols)

    _, answered = _connect(mutual, adapt)

    assert answered == b""


@pytest.mark.slow
def test_p_api_1_who_does_not_shake_hands_is_not_waited_for_long(mutual: Mutual) -> None:
    host, _, port = mutual.service.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as silent:
        assert silent.recv(1) == b""


def test_p_int_1_a_resumed_session_is_over_when_its_certificate_is(mutual: Mutual) -> None:
    # A ticket lets a client back in without a look at its certificate, for up to two days.
    mutual.service_account("spiffe://test.example/resumed")
    client = mutual.certified(spiffe("resumed"), end=timedelta(hours=1))
    options = (
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.ssl_session_cache", session_cache.ssl_session_cache_lru(1)),
    )

    # Sessions are kept by name; an address has none.
    address = mutual.service.address.replace("127.0.0.1", "localhost")

    def call_on_a_new_connection() -> str:
        with grpc.secure_channel(address, mutual.ca.trusted(client), options) as channel:
            return outcome(lambda: send(channel, "GetJwks"))

    assert [call_on_a_new_connection() for _ in range(3)] == ["OK"] * 3
    mutual.service.clock.offset = timedelta(hours=2)
    try:
        assert call_on_a_new_connection() == "CALLER_UNAUTHENTICATED"
        # The library compares with the machine's clock: a full handshake still passes.
        assert mutual.outcome(client) == "OK"
    finally:
        mutual.service.clock.offset = None
