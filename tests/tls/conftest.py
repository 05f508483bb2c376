"""A service that demands client certificates."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from tests.callers import key_of, service_account
from tests.service import Service, running
from tests.stores.hot.servers import valkey
from tests.stores.outbox import EVENT
from tests.tls.certificates import Authority, Pair
from tests.transport.calls import outcome, send, service_accounts


@dataclass(frozen=True, slots=True)
class Mutual:
    """The service, whose server and clients have certificates of one CA."""

    service: Service
    ca: Authority
    directory: Path
    """Holds `server.pem` and `server-key.pem`."""

    def service_account(self, *names: str, **fields: Any) -> str:
        """Make a service account that these names in certificates belong to; give an API key."""
        now = self.service.clock()
        account = service_account(now=now, certificate_names=names, **fields)
        text, key = key_of(account, now=now)
        with service_accounts(self.service) as store:
            store.create(account, event=EVENT)
            store.add_key(key, event=EVENT)
        return text

    @contextmanager
    def channel(self, client: Pair | None, ca: Authority | None = None) -> Iterator[grpc.Channel]:
        """Give a connection of its own for a client, which trusts the CA."""
        options = (("grpc.use_local_subchannel_pool", 1),)
        credentials = (ca or self.ca).trusted(client)
        with grpc.secure_channel(self.service.address, credentials, options) as channel:
            yield channel

    def outcome(self, client: Pair | None, name: str = "GetJwks", **arguments: Any) -> str:
        """Give how a call ends that is the first of its connection."""
        with self.channel(client) as channel:
            return outcome(lambda: send(channel, name, **arguments))

    def certified(self, *names: x509.GeneralName, **changes: Any) -> Pair:
        """Make a certificate for a client."""
        return self.ca.client(*names, **changes)


@pytest.fixture(name="mutual", scope="session")
def _mutual(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutual]:
    directory = Path(tmp_path_factory.mktemp("mutual"))
    with valkey() as server, mutual_tls(directory, server.url) as mutual:
        yield mutual


@contextmanager
def mutual_tls(directory: Path, redis_url: str, **settings: Any) -> Iterator[Mutual]:
    """Run a service that demands client certificates."""
    ca = Authority()
    certificate, key = ca.server().write(directory)
    (directory / "ca.pem").write_bytes(ca.certificate)
    given = {
        "mode": "production",
        "tls_cert": certificate,
        "tls_key": key,
        "tls_client_ca": directory / "ca.pem",
        **settings,
    }
    with running(data=directory, redis_url=redis_url, **given) as service:
        yield Mutual(service, ca, directory)
