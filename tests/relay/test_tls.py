"""TLS where the URL says so: to whom is trusted, and to nobody else a byte that is secret."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.x509 import DNSName
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.relay.kit import Kit, event, first_ids, step_until
from tests.servers.kafka_server import kafka_server
from tests.servers.nats import nats_server
from tests.servers.processes import free_port
from tests.servers.rabbitmq import rabbitmq
from tests.servers.redis_streams import redis_streams
from tests.tls.certificates import Authority


@pytest.fixture(name="authority")
def _authority() -> Authority:
    return Authority()


@pytest.fixture(name="ca")
def _ca(tmp_path: Path, authority: Authority) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.certificate)
    return path


@pytest.fixture(name="pair")
def _pair(tmp_path: Path, authority: Authority) -> tuple[Path, Path]:
    return authority.server().write(tmp_path)


@pytest.mark.slow
def test_rediss_is_tls(kit: Kit, ca: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = map(str, pair)
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key]
    options += ["--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no"]
    with redis_streams(*options) as broker:
        url = f"rediss://127.0.0.1:{port}/0?stream=events"
        _assert_untrusted(kit, url)
        _assert_relays(kit, f"{url}&ca={ca}")
        assert first_ids(broker.received()) == kit.ids()


def test_natss_is_tls(kit: Kit, ca: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = map(str, pair)
    options = ["--tls", "--tlscert", certificate, "--tlskey", key]
    with nats_server(*options, ca=ca) as broker:
        url = f"natss://127.0.0.1:{broker.port}/events.authsvc"
        _assert_untrusted(kit, url)
        _assert_relays(kit, f"{url}?ca={ca}")
        assert first_ids(broker.received()) == kit.ids()


@pytest.mark.slow
def test_a_certificate_is_for_one_name(
    kit: Kit, tmp_path: Path, ca: Path, authority: Authority
) -> None:
    other = authority.issue(DNSName("elsewhere"), usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
    certificate, key = map(str, other.write(tmp_path))
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key]
    with redis_streams(*options, "--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no"):
        _assert_untrusted(kit, f"rediss://127.0.0.1:{port}/0?stream=events&ca={ca}")


@pytest.mark.slow
def test_amqps_is_tls(kit: Kit, ca: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    port = free_port()
    settings = f"""
        listeners.ssl.1 = 127.0.0.1:{port}
        ssl_options.certfile = {certificate}
        ssl_options.keyfile = {key}
        ssl_options.cacertfile = {ca}
        ssl_options.verify = verify_none
    """
    with rabbitmq(settings) as broker:
        url = f"amqps://guest:guest@127.0.0.1:{port}/?queue=events"
        _assert_untrusted(kit, url)
        _assert_relays(kit, f"{url}&ca={ca}")
        assert first_ids(broker.received()) == kit.ids()


@pytest.mark.slow
def test_kafkas_is_tls(kit: Kit, tmp_path: Path, ca: Path, authority: Authority) -> None:
    pair = authority.server()
    key_store = tmp_path / "store.pem"
    key_store.write_bytes(pair.key + pair.certificate)
    with kafka_server(key_store=key_store) as broker:
        url = f"kafkas://127.0.0.1:{broker.outside}/events"
        _assert_untrusted(kit, url)
        _assert_relays(kit, f"{url}?ca={ca}")
        assert first_ids(broker.received()) == kit.ids()


@pytest.mark.parametrize("user", ["hunter2", "user:hunter2"])
def test_no_credentials_are_told_to_a_nats_server_without_tls(
    kit: Kit, ca: Path, user: str
) -> None:
    """Somebody in its place would say that it speaks none."""
    with _plain_nats() as (port, heard):
        kit.append(event())
        with kit.outbox(f"natss://{user}@127.0.0.1:{port}/events?ca={ca}") as outbox:
            outbox.step()
    assert kit.metric("authsvc_relay_outages_total") == 1
    assert b"hunter2" not in bytes(heard)
    assert b"evt_" not in bytes(heard)


@contextmanager
def _plain_nats() -> Iterator[tuple[int, bytearray]]:
    heard = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener.accept()[0] as client:
            info = {"server_id": "x", "version": "2.15.1", "max_payload": 1_000_000}
            client.sendall(f"INFO {json.dumps({**info, 'auth_required': True})}\r\n".encode())
            client.settimeout(5)
            while data := client.recv(4096):
                heard.extend(data)
                if b"PING" in data:
                    client.sendall(b"PONG\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    with listener:
        yield listener.getsockname()[1], heard
        thread.join(10)


def _assert_relays(kit: Kit, url: str) -> None:
    kit.append(event())
    with kit.outbox(url) as outbox:
        step_until(outbox, kit.is_done, at_most=20)


def _assert_untrusted(kit: Kit, url: str) -> None:
    """The system's CAs know nothing of the test's."""
    kit.append(event())
    with kit.outbox(url) as outbox:
        outbox.step()
    assert kit.metric("authsvc_relay_outages_total") == 1
    assert kit.cursor() == 0
