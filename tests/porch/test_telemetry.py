"""The log never tells a secret and never lets a caller forge a line."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from authsvc import telemetry
from authsvc.metrics import Metrics
from authsvc.redaction import redact_text

SECRETS = [
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhY2NfMSJ9.c2lnbmF0dXJl",
    "asr_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo",
    "ask_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo",
]

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged() -> Iterator[Lines]:
    """What was logged since, parsed."""
    stream = io.StringIO()
    telemetry.configure(level="info", log_format="json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)
    logging.captureWarnings(capture=False)


@pytest.mark.parametrize("secret", SECRETS)
def test_p_obs_1_what_looks_like_a_secret_is_taken_out_wherever_it_stands(
    secret: str, logged: Lines
) -> None:
    log = telemetry.get_logger("test")

    log.info(
        "got " + secret + " somehow", note=f"x={secret}", deep={"list": [secret, {"k": secret}]}
    )
    logging.getLogger("library").warning("failed for %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("broken")

    lines = logged()
    assert len(lines) == 3
    assert secret not in json.dumps(lines)
    assert all("[redacted]" in json.dumps(line) for line in lines)


@pytest.mark.parametrize(
    "name", ["password", "new_password", "token", "Authorization", "client_secret", "totp_code"]
)
def test_p_obs_1_values_of_secret_names_are_taken_out(name: str, logged: Lines) -> None:
    telemetry.get_logger("test").info(
        "call", **{name: "hunter2"}, request={"a": [{name: "hunter2"}]}
    )

    assert "hunter2" not in json.dumps(logged())


def test_p_obs_1_accessors_are_not_secrets(logged: Lines) -> None:
    telemetry.get_logger("test").info("session revoked", session_id="s", token_id="t", status="OK")

    assert logged()[0] | {"session_id": "s", "token_id": "t", "status": "OK"} == logged()[0]


def test_passwords_in_urls_are_taken_out() -> None:
    assert "pw" not in redact_text("can't reach redis://user:pw@host:6379/0")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_p_obs_1_control_characters_never_forge_a_line(log_format: Any) -> None:
    stream = io.StringIO()
    telemetry.configure(level="info", log_format=log_format, stream=stream)
    hostile = 'a\r\n{"level":"info"}\x1b[2J\x00\x7f\x85\u2028\u202e'

    telemetry.get_logger("test").info(hostile, value=hostile)
    structlog.reset_defaults()

    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written.rstrip("\n").isprintable()


def test_a_line_says_when_how_grave_what_and_in_which_call(logged: Lines) -> None:
    token = telemetry.correlation_id.set("c-1")
    telemetry.get_logger("test").warning("something odd", answer=42)
    telemetry.correlation_id.reset(token)

    line = logged()[0]
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "event": "something odd",
        "correlation_id": "c-1",
        "component": "test",
        "answer": 42,
    }


def test_lines_below_the_level_are_not_written(logged: Lines) -> None:
    telemetry.get_logger("test").debug("detail")
    logging.getLogger("library").info("setting up")

    assert logged() == []


def test_calls_are_counted_by_method_and_code() -> None:
    metrics = Metrics(["/authn.v1.TokenService/VerifyToken"])

    metrics.observe("/authn.v1.TokenService/VerifyToken", "OK", 0.0004)
    metrics.count_event("login", "failure")
    metrics.set_hash_queue(3)

    body = metrics.render()[0].decode()
    method = 'method="/authn.v1.TokenService/VerifyToken"'
    assert f'authsvc_rpcs_total{{code="OK",{method}}} 1.0' in body
    assert f'authsvc_rpc_seconds_bucket{{le="0.0005",{method}}} 1.0' in body
    assert 'authsvc_events_total{outcome="failure",type="login"} 1.0' in body
    assert "authsvc_hash_queue 3.0" in body


def test_unknown_paths_make_no_new_series() -> None:
    metrics = Metrics(["/a/B"])
    for number in range(100):
        metrics.observe(f"/junk/{number}", "UNIMPLEMENTED", 0.001)

    body = metrics.render()[0].decode()

    assert "junk" not in body
    assert 'authsvc_rpcs_total{code="UNIMPLEMENTED",method="unknown"} 100.0' in body
