"""The lines of docs/client.md run as they stand."""

import re
from pathlib import Path
from typing import Any

from authsvc.client import Verifier
from tests.client.conftest import mint
from tests.client.feed_server import FeedServer, piece
from tests.verify.minting import JWKS

_PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")


def test_the_page_on_the_client_runs(feed: FeedServer, capsys: Any) -> None:
    feed.send_keys(JWKS["EdDSA"])
    feed.send(piece(0, 5, reset=True))
    blocks = re.findall(r"```python\n(.*?)```", _PAGE, flags=re.DOTALL)
    names: dict[str, Any] = {"token": mint(), "api_key": "a key", "password": "a password"}
    try:
        for block in blocks:
            exec(block.replace("127.0.0.1:50051", feed.address), names)
    finally:
        verifier: Verifier = names["verifier"]
        verifier.close()
        if "channel" in names:
            names["channel"].close()

    assert len(blocks) == 4
    assert feed.api_keys[:1] == ["a key"]
    assert "orders.read" in capsys.readouterr().out
