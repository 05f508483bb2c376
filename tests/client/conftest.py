"""A feed server and a verifier that follows it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from authsvc.client import Verifier
from authsvc.errors import AuthError
from tests.client.feed_server import FeedServer, piece, serving
from tests.verify.minting import AUDIENCE, CLAIMS, HEADER, ISSUER, JWKS, encode, sign_ed25519

Follow = Callable[..., Verifier]
PATIENCE = timedelta(seconds=20)


def mint(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Make a token that is good now."""
    now = int(time.time())
    payload = {**CLAIMS, "iat": now - 10, "exp": now + 600, **claims}
    parts = (encode(json.dumps(part).encode()) for part in (header or HEADER, payload))
    signing_input = ".".join(parts)
    return f"{signing_input}.{encode(sign_ed25519(signing_input.encode()))}"


def refusal_of(verifier: Verifier, token: str) -> type[AuthError] | None:
    """Give what a token is refused with; None if it is active."""
    try:
        verifier.verify(token)
    except AuthError as error:
        return type(error)
    return None


@pytest.fixture(name="feed")
def _feed() -> Iterator[FeedServer]:
    with serving() as feed:
        yield feed


@pytest.fixture(name="follow")
def _follow(feed: FeedServer) -> Iterator[Follow]:
    """Gives verifiers of the feed server, which are closed afterwards."""
    with ExitStack() as stack:

        def follow(**settings: Any) -> Verifier:
            given = {"issuer": ISSUER, "audience": AUDIENCE, **settings}
            return stack.enter_context(Verifier(feed.address, **given))

        yield follow


@pytest.fixture(name="verifier")
def _verifier(feed: FeedServer, follow: Follow) -> Verifier:
    """Knows the Ed25519 key, and no revocations at revision 5."""
    feed.send_keys(JWKS["EdDSA"])
    feed.send(piece(0, 5, reset=True))
    verifier = follow()
    verifier.wait_until_ready(PATIENCE)
    return verifier
