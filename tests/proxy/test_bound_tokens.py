"""Envoy with certificates on both sides: clients show theirs to it, and it shows its own to authsvc."""

import ssl
from pathlib import Path

import httpx
import pytest

from tests.proxy.envoy import AUTHSVC, BACKEND, envoy, example, port
from tests.stores.hot.servers import valkey
from tests.tls.certificates import Pair
from tests.tls.conftest import Mutual, mutual_tls
from tests.tls.test_bound_tokens import holder, issue

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("envoy")]

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_FILTERS = "        - filters:\n"
_AUTHSVC = "    - name: authsvc\n"
_SETTING = "                      failure_mode_allow: false\n"


def config(mutual: Mutual, behind: str) -> str:
    """The example, with TLS to both sides, and told of certificates."""
    ca = f"{mutual.directory}/ca.pem"

    def tls(kind: str, name: str, more: str) -> str:
        certificate = f"{mutual.directory}/{name}.pem"
        key = f"{mutual.directory}/{name}-key.pem"
        pair = (
            f"{{certificate_chain: {{filename: {certificate}}}, private_key: {{filename: {key}}}}}"
        )
        context = f"{{tls_certificates: [{pair}], validation_context: {{trusted_ca: {{filename: {ca}}}}}}}"
        return f'{{name: tls, typed_config: {{"@type": {_TLS}.{kind}TlsContext, common_tls_context: {context}{more}}}}}'

    down = tls("Downstream", "server", ", require_client_certificate: false")
    up = tls("Upstream", "edge", "")
    return example(
        "ext_authz.yaml",
        {
            AUTHSVC: port(mutual.service.address),
            BACKEND: port(behind),
            _FILTERS: f"        - transport_socket: {down}\n          filters:\n",
            _AUTHSVC: f"{_AUTHSVC}      transport_socket: {up}\n",
            _SETTING: f"{_SETTING}                      include_peer_certificate: true\n",
        },
    )


def status(url: str, token: str, mutual: Mutual, client: Pair | None, *headers: str) -> int:
    context = ssl.create_default_context(cadata=mutual.ca.certificate.decode())
    if client is not None:
        context.load_cert_chain(*client.write(mutual.directory, "client"))
    given = [
        ("authorization", f"Bearer {token}"),
        *(("x-forwarded-client-cert", h) for h in headers),
    ]
    with httpx.Client(verify=context) as session:
        return session.get(url.replace("http:", "https:"), headers=given).status_code


def test_p_int_2_a_bound_token_comes_in_with_its_certificate_alone(
    behind: str, tmp_path: Path
) -> None:
    with valkey() as server, mutual_tls(tmp_path, server.url) as mutual:
        holder(mutual, "edge").write(tmp_path, "edge")
        one, other = holder(mutual, "one"), holder(mutual, "other")
        bound, free = issue(mutual, one, bind_to_certificate=True), issue(mutual, one)
        spoofed = f'By=spiffe://x;Cert="{one.certificate.decode()!r}"'
        with envoy(config(mutual, behind), tmp_path) as url:
            assert status(url, bound, mutual, one) == 200
            assert status(url, bound, mutual, other) == 401
            assert status(url, bound, mutual, None) == 401
            assert status(url, bound, mutual, other, spoofed) == 401
            assert status(url, free, mutual, None) == 200
