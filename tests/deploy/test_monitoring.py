"""Dashboards and alerts speak of what authsvc measures, and alerts fire when they should."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from authsvc.domain.events import EventType
from authsvc.metrics import Metrics
from authsvc.transport.server import SERVICES
from tests.missing import need

_DEPLOY = Path(__file__).parents[2] / "deploy"
_NAME = re.compile(r"\bauthsvc_\w+")
_PROMTOOL = "apt-get install prometheus"


def _dashboards() -> Iterator[dict[str, Any]]:
    for path in sorted((_DEPLOY / "grafana" / "dashboards").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _expressions() -> Iterator[str]:
    alerts = yaml.safe_load((_DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    for group in alerts["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for dashboard in _dashboards():
        for panel in dashboard["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def _measured() -> set[str]:
    """Give the names as Prometheus knows them: those of the samples, not of the metrics."""
    metrics = Metrics(["VerifyToken"])
    metrics.observe("VerifyToken", "OK", 0.001)
    metrics.count_event("login", "success")
    metrics.count_throttled("account")
    metrics.count_relayed("audit", "delivered", 1)
    metrics.set_lag("audit", events=0, seconds=0, dead_letters=0)
    text = metrics.render()[0].decode()
    return {name for name in _NAME.findall(text) if not name.endswith("_created")}


def test_every_metric_that_is_asked_for_is_measured() -> None:
    expressions = list(_expressions())
    asked = {name for expression in expressions for name in _NAME.findall(expression)}
    assert len(expressions) > 15
    assert asked <= _measured()
    kept = {"authsvc_rpcs_total", "authsvc_rpc_seconds_bucket", "authsvc_events_total"}
    kept |= {"authsvc_hash_queue", "authsvc_throttled_total", "authsvc_hashes_shed_total"}
    assert kept <= asked


def test_every_method_and_event_that_is_asked_for_exists() -> None:
    methods = {method.name for service in SERVICES for method in service.methods}
    for expression in _expressions():
        assert set(re.findall(r'method!?="(\w+)"', expression)) <= methods, expression
        assert set(re.findall(r'type="([^"]+)"', expression)) <= {*EventType}, expression


def test_every_label_that_is_asked_for_is_there() -> None:
    labels = {"method", "code", "type", "outcome", "kind", "le", "instance", "job", "sink"}
    for expression in _expressions():
        chosen = re.findall(r'(\w+)[!=]?[=~]~?"', expression)
        grouped = re.findall(r"by \(([^)]*)\)", expression)
        found = {*chosen, *(name for names in grouped for name in re.split(r",\s*", names))}
        assert found <= labels, expression


def test_a_dashboard_can_be_provisioned() -> None:
    provisioning = _DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"
    (source,) = yaml.safe_load(provisioning.read_text(encoding="utf-8"))["datasources"]
    for dashboard in _dashboards():
        panels = dashboard["panels"]
        assert dashboard["uid"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
        cells = [
            (x, y)
            for p in (panel["gridPos"] for panel in panels)
            for x in range(p["x"], p["x"] + p["w"])
            for y in range(p["y"], p["y"] + p["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


@pytest.mark.slow
def test_prometheus_takes_its_configuration_and_every_alert_fires_when_it_should() -> None:
    promtool = need("promtool", _PROMTOOL)
    for arguments in (
        ("check", "config", "prometheus.yaml"),
        ("check", "rules", "alerts.yaml"),
        ("test", "rules", "alerts.test.yaml"),
    ):
        done = subprocess.run(
            [promtool, *arguments],
            cwd=_DEPLOY / "prometheus",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_prometheus_can_run_every_query_of_the_dashboards() -> None:
    promtool = need("promtool", _PROMTOOL)
    rules = [
        {"record": f"query:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(_expressions())
    ]
    done = subprocess.run(
        [promtool, "check", "rules", "/dev/stdin"],
        input=yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_alert_is_tested() -> None:
    rules = yaml.safe_load((_DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load(
        (_DEPLOY / "prometheus" / "alerts.test.yaml").read_text(encoding="utf-8")
    )
    fired = {
        case["alertname"]
        for test in tests["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == names
