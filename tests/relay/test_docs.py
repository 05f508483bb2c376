"""What docs/relay.md shows is so."""

import json
import re
from pathlib import Path

import pytest

from authsvc.config import Config
from authsvc.configuration_faults import faults
from authsvc.metrics import Metrics
from tests.porch.test_config import GOOD
from tests.relay.kit import Kit, event, step_until
from tests.servers.redis_streams import RedisStreams

_PAGE = (Path(__file__).parents[2] / "docs" / "relay.md").read_text(encoding="utf-8")


def test_the_urls_of_the_page_are_good() -> None:
    urls = re.findall(r"`(audit=\S+)`", _PAGE)
    assert len(urls) == 5
    for url in urls:
        assert faults(Config(**GOOD, event_sinks=url), environment={}) == []


def test_the_event_of_the_page_is_what_is_sent(kit: Kit, valkey_streams: RedisStreams) -> None:
    [shown] = re.findall(r"```json\n(.*?)```", _PAGE, flags=re.DOTALL)
    valkey_streams.empty()
    kit.append(event(correlation_id="x", traceparent="00-a-b-01"))
    with kit.outbox(valkey_streams.url) as outbox:
        step_until(outbox, kit.is_done, at_most=5)
    [sent] = map(json.loads, valkey_streams.received())
    assert json.loads(shown).keys() == sent.keys()
    assert json.loads(shown)["data"].keys() == sent["data"].keys()


def test_the_reader_of_the_page_handles_each_event_once(
    kit: Kit, valkey_streams: RedisStreams, capsys: pytest.CaptureFixture[str]
) -> None:
    valkey_streams.empty()
    kit.append(event("acc_1"), event("acc_2", succeeded=False))
    with kit.outbox(valkey_streams.url) as outbox:
        step_until(outbox, kit.is_done, at_most=5)
    with kit.replay(valkey_streams.url) as replay:
        replay.range(0)
    [block] = re.findall(r"```python\n(.*?)```", _PAGE, flags=re.DOTALL)
    names: dict[str, object] = {}
    code = block.replace("6379", str(valkey_streams.port)).replace("security-events", "events")
    exec(code, names)
    names["redis"].close()  # type: ignore[attr-defined]
    assert capsys.readouterr().out.splitlines() == [
        "authsvc.login acc_1 success",
        "authsvc.login acc_2 failure",
    ]


def test_the_metrics_of_the_page_are_there() -> None:
    metrics = Metrics([])
    metrics.set_lag("audit", events=1, seconds=2, dead_letters=3)
    metrics.count_relayed("audit", "taken", 1)
    metrics.count_outage("audit")
    text = metrics.render()[0].decode()
    for name in re.findall(r"`(authsvc_rel\w+)\{", _PAGE):
        assert name in text
