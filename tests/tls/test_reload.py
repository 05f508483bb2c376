"""A new certificate is taken without a connection or a call lost, and a bad one is not."""

import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.porch.processes import eventually
from tests.stores.hot.servers import valkey
from tests.tls.certificates import Authority, Pair, spiffe
from tests.tls.conftest import Mutual, mutual_tls
from tests.transport.calls import outcome, send
from tests.transport.logged import logged

_NAME = "spiffe://test.example/orders"


@pytest.fixture(name="mutual")
def _mutual(tmp_path: Path) -> Iterator[Mutual]:
    """A service whose certificate the test may swap."""
    with valkey() as server, mutual_tls(tmp_path, server.url) as mutual:
        mutual.service_account(_NAME)
        yield mutual


def _shown(mutual: Mutual) -> bytes:
    """Give the certificate that a new connection is shown, in PEM."""
    host, _, port = mutual.service.address.partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return ssl.DER_cert_to_PEM_cert(shown).encode()


def _shows(mutual: Mutual, pair: Pair) -> bool:
    return eventually(lambda: _shown(mutual) == pair.certificate)


class _Load:
    """Calls without pause, on one connection that stays and on ever new ones."""

    def __init__(self, mutual: Mutual, client: Pair) -> None:
        self.kept: Counter[str] = Counter()
        self.fresh: Counter[str] = Counter()
        self._stopped = threading.Event()
        self._mutual = mutual
        self._client = client
        self._threads = [
            threading.Thread(target=self._call_on_one_connection),
            threading.Thread(target=self._call_on_new_connections),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, calls: int = 20) -> bool:
        """Say whether so many more calls were answered on both."""
        kept, fresh = self.kept.total() + calls, self.fresh.total() + calls
        return eventually(lambda: self.kept.total() >= kept and self.fresh.total() >= fresh)

    def _call_on_one_connection(self) -> None:
        with self._mutual.channel(self._client) as channel:
            while not self._stopped.is_set():
                self.kept[outcome(lambda: send(channel, "GetJwks"))] += 1

    def _call_on_new_connections(self) -> None:
        while not self._stopped.is_set():
            self.fresh[self._mutual.outcome(self._client)] += 1


def test_p_dur_2_no_call_fails_while_certificates_are_swapped(mutual: Mutual) -> None:
    client = mutual.certified(spiffe("orders"))
    with _Load(mutual, client) as load:
        for _ in range(3):
            assert load.goes_on()
            new = mutual.ca.server()
            new.write(mutual.directory)
            assert _shows(mutual, new)
        assert load.goes_on()

    assert set(load.kept) == {"OK"}
    assert set(load.fresh) == {"OK"}


def test_p_dur_2_a_half_written_swap_changes_nothing_and_fails_no_call(mutual: Mutual) -> None:
    client = mutual.certified(spiffe("orders"))
    first = _shown(mutual)
    new = mutual.ca.server()
    certificate, key = mutual.directory / "server.pem", mutual.directory / "server-key.pem"
    with logged() as log, _Load(mutual, client) as load:
        for half in (new.certificate[:300], new.certificate):
            told = log.text.count("certificate not reloaded")
            certificate.write_bytes(half)
            assert eventually(lambda told=told: log.text.count("not reloaded") > told)  # type: ignore[misc]
            assert load.goes_on()
            assert _shown(mutual) == first

        key.write_bytes(new.key)
        assert _shows(mutual, new)
        assert load.goes_on()

    assert set(load.kept) == {"OK"}
    assert set(load.fresh) == {"OK"}


def test_p_int_1_a_ca_that_is_no_longer_trusted_opens_no_connection(mutual: Mutual) -> None:
    old, other = mutual.certified(spiffe("orders")), Authority("next CA")
    new = other.client(spiffe("orders"))
    assert mutual.outcome(old) == "OK"
    assert mutual.outcome(new) == "UNAVAILABLE"

    (mutual.directory / "ca.pem").write_bytes(mutual.ca.certificate + other.certificate)
    assert eventually(lambda: mutual.outcome(new) == "OK")
    assert mutual.outcome(old) == "OK"

    (mutual.directory / "ca.pem").write_bytes(other.certificate)
    assert eventually(lambda: mutual.outcome(old) == "UNAVAILABLE")
    assert mutual.outcome(new) == "OK"
