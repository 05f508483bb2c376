"""docs/observability.md speaks of metrics, spans and settings that there are."""

import re
from pathlib import Path

from authsvc.config import Config, variable_name
from authsvc.domain.events import EventType

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE = (_DOCS / "observability.md").read_text(encoding="utf-8")
_ALL_METRICS = (_DOCS / "metrics.md").read_text(encoding="utf-8")  # held against the code by lint


def test_every_metric_that_a_page_names_is_there() -> None:
    known = set(re.findall(r"^\| `(authsvc_\w+)`", _ALL_METRICS, flags=re.MULTILINE))
    named = {
        name
        for page in _DOCS.glob("*.md")
        for name in re.findall(r"`(authsvc_[a-z_]+)", page.read_text(encoding="utf-8"))
    }

    assert {"authsvc_rpcs_total", "authsvc_hash_queue"} <= named <= known


def test_every_setting_and_event_that_the_page_names_is_there() -> None:
    settings = {variable_name(name) for name in Config.model_fields}
    events = re.findall(r"`([a-z_]+\.[a-z_]+)`", _PAGE)

    assert set(re.findall(r"AUTHSVC_[A-Z_]+", _PAGE)) <= settings
    assert {"refresh_token.reused"} <= set(events) - {"error.type", "rpc.method"} <= set(EventType)


def test_every_attribute_that_the_page_names_is_set() -> None:
    code = (_DOCS.parent / "authsvc" / "tracing.py").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:rpc|db|error)\.[a-z_.]+)`", _PAGE))

    assert named == set(re.findall(r'"((?:rpc|db|error)\.[a-z_.]+)"', code))
