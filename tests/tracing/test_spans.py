"""A call that is traced shows where its time went, under the span of who called, and no more."""

import secrets
import time
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import DisableAccountRequest
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.event_service_pb2 import EventFilter, ListEventsRequest
from authn.v1.token_service_pb2 import GetJwksRequest, VerifyTokenRequest, WatchKeysRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.service import PASSWORD, running
from tests.stores.hot.servers import valkey
from tests.tracing.collector import Collector, attributes, collecting
from tests.tracing.conftest import Traced
from tests.transport.logged import logged
from tests.transport.test_canaries import assert_clean, tell

Metadata = tuple[tuple[str, str], ...]


def caller(*, flags: str = "01", state: str = "") -> tuple[str, str, Metadata]:
    """A trace, the span in it that calls, and the metadata that says so."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    metadata = (("traceparent", f"00-{trace_id}-{span_id}-{flags}"),)
    return trace_id, span_id, metadata + ((("tracestate", state),) if state else ())


def test_p_obs_1_a_clients_trace_goes_on_in_spans_of_what_a_login_waits_for(traced: Traced) -> None:
    username = traced.service.register().account.username
    trace_id, span_id, metadata = caller(state="vendor=abc")

    login = LoginRequest(identifier=username, password=PASSWORD)
    traced.service.auth.Login(login, metadata=metadata)

    call, *parts = traced.collector.wait_for_call(trace_id)
    assert call.name == "authn.v1.AuthService/Login"
    assert (call.parent_span_id.hex(), call.trace_state) == (span_id, "vendor=abc")
    assert attributes(call.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": "authn.v1.AuthService/Login",
        "rpc.response.status_code": "OK",
    }
    assert call.status.code == Status.STATUS_CODE_UNSET
    assert {part.parent_span_id for part in parts} == {call.span_id}
    shown = {(part.name, part.kind, *attributes(part.attributes).values()) for part in parts}
    assert shown >= {
        ("password hash", Span.SPAN_KIND_INTERNAL),
        ("sql read", Span.SPAN_KIND_CLIENT, "sqlite"),
        ("sql write", Span.SPAN_KIND_CLIENT, "sqlite"),
        ("redis open", Span.SPAN_KIND_CLIENT, "redis"),
    }
    assert all(call.start_time_unix_nano <= part.start_time_unix_nano for part in parts)
    assert all(part.end_time_unix_nano <= call.end_time_unix_nano for part in parts)


def test_a_revocation_shows_its_wait_for_the_workers(traced: Traced) -> None:
    account_id = traced.service.register().account.account_id
    trace_id, _, metadata = caller()

    request = DisableAccountRequest(account_id=account_id)
    traced.service.account.DisableAccount(request, metadata=metadata)

    call, *parts = traced.collector.wait_for_call(trace_id)
    (wait,) = (part for part in parts if part.name == "wait for workers")
    (look, *_) = (part for part in parts if part.parent_span_id == wait.span_id)
    assert (wait.parent_span_id, look.name) == (call.span_id, "redis look")


def test_a_check_from_memory_waits_for_nothing(traced: Traced) -> None:
    token = traced.service.register().tokens.access_token
    traced.service.token.VerifyToken(VerifyTokenRequest(access_token=token))
    trace_id, _, metadata = caller()

    traced.service.token.VerifyToken(VerifyTokenRequest(access_token=token), metadata=metadata)

    assert len(traced.collector.wait_for_call(trace_id)) == 1


def test_p_obs_1_events_and_log_lines_name_the_span_that_they_happened_in(traced: Traced) -> None:
    trace_id, _, metadata = caller()
    with logged() as log:
        made = traced.service.auth.Register(
            RegisterRequest(username=f"u{secrets.token_hex(8)}", password=PASSWORD),
            metadata=(*metadata, ("x-correlation-id", "case-8")),
        )

    call, *_ = traced.collector.wait_for_call(trace_id)
    wanted = EventFilter(subject=made.account.account_id)
    for event in traced.service.event.ListEvents(ListEventsRequest(filter=wanted)).events:
        assert event.traceparent == f"00-{trace_id}-{call.span_id.hex()}-01"
        assert event.correlation_id == "case-8"
    for line in (*log.events("account.created"), *log.events("login")):
        assert (line["trace_id"], line["correlation_id"]) == (trace_id, "case-8")


def test_a_call_that_comes_with_no_trace_begins_one(traced: Traced) -> None:
    made = traced.service.register()

    wanted = EventFilter(subject=made.account.account_id)
    event, *_ = traced.service.event.ListEvents(ListEventsRequest(filter=wanted)).events
    trace_id = event.traceparent.split("-")[1]
    call, *_ = traced.collector.wait_for_call(trace_id)
    assert (call.name, call.parent_span_id) == ("authn.v1.AuthService/Register", b"")
    assert event.correlation_id == trace_id


def test_what_the_caller_does_not_sample_is_not_sent(traced: Traced) -> None:
    unsampled, _, metadata = caller(flags="00")
    traced.service.token.GetJwks(GetJwksRequest(), metadata=metadata)
    sampled, _, metadata = caller()
    traced.service.token.GetJwks(GetJwksRequest(), metadata=metadata)

    traced.collector.wait_for_call(sampled)
    assert traced.collector.spans(unsampled) == []


def test_what_is_done_outside_of_calls_is_not_traced(traced: Traced) -> None:
    """The duties ask Redis all the time: their spans would bury all others."""
    calls = {s.span_id for s in traced.collector.spans() if s.kind == Span.SPAN_KIND_SERVER}
    roots = [s for s in traced.collector.spans() if not s.parent_span_id]
    assert all(root.span_id in calls for root in roots)


def test_a_refusal_is_told_by_its_code_and_is_no_error_of_the_server(traced: Traced) -> None:
    trace_id, _, metadata = caller()
    with pytest.raises(grpc.RpcError):
        login = LoginRequest(identifier="nobody", password=PASSWORD)
        traced.service.auth.Login(login, metadata=metadata)

    call, *_ = traced.collector.wait_for_call(trace_id)
    assert attributes(call.attributes)["rpc.response.status_code"] == "UNAUTHENTICATED"
    assert "error.type" not in attributes(call.attributes)
    assert call.status.code == Status.STATUS_CODE_UNSET


def test_a_stream_is_one_span_from_its_beginning_to_its_end(traced: Traced) -> None:
    trace_id, span_id, metadata = caller()
    watching = traced.service.token.WatchKeys(WatchKeysRequest(), metadata=metadata)
    next(watching)
    time.sleep(0.2)
    watching.cancel()

    call, *_ = traced.collector.wait_for_call(trace_id)
    assert (call.name, call.parent_span_id.hex()) == ("authn.v1.TokenService/WatchKeys", span_id)
    assert call.end_time_unix_nano - call.start_time_unix_nano >= 200_000_000
    assert attributes(call.attributes)["rpc.response.status_code"] == "CANCELLED"
    assert call.status.code == Status.STATUS_CODE_UNSET


def test_a_store_that_is_away_makes_the_span_and_the_call_errors(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    with collecting() as (collector, endpoint), valkey() as redis:
        with running(data=tmp_path, redis_url=redis.url, traces_endpoint=endpoint) as service:
            username = service.register().account.username
            redis.kill()
            trace_id, _, metadata = caller()
            with pytest.raises(grpc.RpcError):
                login = LoginRequest(identifier=username, password=PASSWORD)
                service.auth.Login(login, metadata=metadata)
        call, *parts = collector.wait_for_call(trace_id)

    assert attributes(call.attributes)["error.type"] == "UNAVAILABLE"
    (failed,) = (part for part in parts if part.status.code == Status.STATUS_CODE_ERROR)
    assert attributes(failed.attributes)["error.type"] == "StoreUnavailable"
    for span in (call, failed):
        assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "")
        assert not span.events, "the text of an exception may hold anything"


def test_p_obs_1_no_secret_and_no_persons_name_is_in_a_span(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    with collecting() as (collector, endpoint), valkey() as redis, logged("debug") as log:
        monkeypatch.setenv("AUTHSVC_TRACES_ENDPOINT", endpoint)
        story = tell(tmp_path, redis, log)
    sent = b"".join(request.SerializeToString() for request in collector.requests)

    assert len(collector.spans()) > 100
    assert_clean(story, "a span", sent)
    for personal in (b"canary", b"@x.test", b"acc_", b"ses_", b"key_", b"127.0.0.1"):
        assert personal not in sent, personal
    _assert_constant(collector)


def _assert_constant(collector: Collector) -> None:
    """Names and values are few, however many calls there are: none is made of what was sent."""
    spans = collector.spans()
    assert len({span.name for span in spans}) < 60
    keys = {key for span in spans for key in attributes(span.attributes)}
    assert keys <= {
        "rpc.system.name",
        "rpc.method",
        "rpc.response.status_code",
        "db.system.name",
        "error.type",
    }
    assert not any(span.events or span.links or span.status.message for span in spans)
