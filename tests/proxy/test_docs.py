"""The lines of docs/envoy.md do what the page says, pasted as they are."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.pasting import lines, need_grpcurl, paste, up
from tests.missing import need
from tests.proxy.envoy import AUTHSVC, BACKEND, ROOT, envoy, example, port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]

PAGE = "docs/envoy.md"


def need_curl() -> None:
    need("curl", "apt-get install curl")


def there(blocks: list[str], url: str) -> list[str]:
    """The blocks, for the Envoy that runs here."""
    return [block.replace("http://127.0.0.1:10000", url) for block in blocks]


def test_the_lines_on_ext_authz(behind: str, tmp_path: Path) -> None:
    need_grpcurl()
    need_curl()
    blocks = lines(PAGE)
    with up(tmp_path) as address:
        config = example("ext_authz.yaml", {AUTHSVC: port(address), BACKEND: port(behind)})
        with envoy(config, tmp_path) as url:
            [printed, errors] = paste(there(blocks, url), address)
    let_through, _, refused = printed.partition('"revision"')
    assert "HTTP/1.1 200" in let_through
    assert re.search(r'"x-auth-subject", "acc_', let_through)
    assert "HTTP/1.1 401" in refused
    assert 'Bearer error="invalid_token"' in refused
    assert "ERROR" not in errors


def test_the_lines_on_json(tmp_path: Path) -> None:
    need_curl()
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(curl.*?)```", page, flags=re.DOTALL)
    told = re.findall(r"```json\n(.*?)\n```", page)
    subprocess.run([ROOT / "dev", "descriptors"], check=True, cwd=ROOT)
    with up(tmp_path) as address:
        changes = {AUTHSVC: port(address), "var/authn.binpb": f"{ROOT}/var/authn.binpb"}
        with envoy(example("json.yaml", changes), tmp_path) as url:
            [printed, _] = paste(there(blocks, url), address)
    assert printed.count("HTTP/1.1 200") == 1
    assert printed.count("HTTP/1.1 401") == 1
    assert '"accessToken":"eyJ' in printed
    assert printed.rstrip().endswith(told[0])
