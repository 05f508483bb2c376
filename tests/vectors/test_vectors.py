"""The client library, and with it the server's verifier, decides as the vectors say."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import pytest
from authn.v1.token_pb2 import JsonWebKey
from authn.v1.token_service_pb2 import WatchRevocationsResponse
from google.protobuf.json_format import MessageToDict, ParseDict

from authsvc.client import Verifier, judging
from authsvc.client import feed as feed_module
from authsvc.client import verifier as verifier_module
from authsvc.errors import InsufficientScope, StaleRevocations, TokenInactive
from authsvc.transport.messages import token_claims
from authsvc.verify.jws import decode_base64url
from tests.vectors.contents import ACTIVE, INACTIVE, INSUFFICIENT_SCOPE, STALE
from tests.vectors.generate import DIRECTORY, groups
from tests.vectors.script import Script

_BOOT = 1000.0
"""The clock since boot while the feed is heard."""


class _Clocks:
    """The library's clocks, as a vector has them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.silence = 0.0
        self.now = 0.0
        wall = SimpleNamespace(time=lambda: self.now, monotonic=time.monotonic)
        patch.setattr(judging, "time", wall)
        for module in (verifier_module, judging):
            patch.setattr(module, "since_boot", lambda: _BOOT + self.silence)
        patch.setattr(feed_module, "since_boot", lambda: _BOOT)


@contextmanager
def _following(context: dict[str, Any], clocks: _Clocks) -> Iterator[Verifier]:
    """Give a verifier that has heard all that a context tells."""
    clocks.now, clocks.silence = context["now"], 0.0
    script = Script(
        [ParseDict(jwk, JsonWebKey()) for jwk in context["keys"]],
        [[ParseDict(one, WatchRevocationsResponse()) for one in call] for call in context["calls"]],
    )
    channel: Any = script
    with Verifier(
        channel,
        issuer=context["issuer"],
        audience=context["audience"],
        leeway=context["leeway"],
        max_lifetime=context["max_lifetime"],
        max_staleness=timedelta(seconds=context["max_staleness"]),
    ) as verifier:
        assert script.over.wait(20)
        clocks.silence = context["silence"]
        yield verifier


def _decide(verifier: Verifier, context: dict[str, Any], token: str) -> dict[str, Any]:
    try:
        claims = verifier.verify(
            token,
            required_scopes=context["required_scopes"],
            certificate=lambda: decode_base64url(context["certificate"].encode()),
        )
    except TokenInactive as error:
        return {"decision": INACTIVE, "defect": error.defect.name}
    except InsufficientScope:
        return {"decision": INSUFFICIENT_SCOPE}
    except StaleRevocations:
        return {"decision": STALE}
    return {"decision": ACTIVE, "claims": MessageToDict(token_claims(claims))}


@pytest.mark.parametrize("name", [group.name for group in groups()])
def test_the_library_decides_as_the_vectors_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = _Clocks(monkeypatch)
    vectors = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    usual = vectors["context"]

    def context_of(case: dict[str, Any]) -> dict[str, Any]:
        return {**usual, **case.get("context", {})}

    for context, cases in groupby(vectors["cases"], context_of):
        with _following(context, clocks) as verifier:
            for case in cases:
                wanted = {n: case[n] for n in ("decision", "defect", "claims") if n in case}
                assert _decide(verifier, context, case["token"]) == wanted, case["name"]
                if "resume_after" in case:
                    assert verifier.revision == case["resume_after"], case["name"]


def test_the_vectors_are_what_the_generator_writes() -> None:
    written = {path.stem: path.read_text(encoding="utf-8") for path in DIRECTORY.glob("*.json")}

    assert written == {group.name: group.written() for group in groups()}


def test_each_name_stands_for_one_vector() -> None:
    for group in groups():
        names = [case.name for case in group.cases]
        assert len(set(names)) == len(names), group.name
