"""W3C Trace Context: what is exactly of its form goes on, whatever else is sent is as good as none.

All of it holds without tracing: then the caller's trace goes on into logs and events as it came.
"""

import re
import secrets
import string

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.event_pb2 import Event
from authn.v1.event_service_pb2 import EventFilter, ListEventsRequest
from hypothesis import example, given
from hypothesis import strategies as st

from authsvc.transport.trace_context import TraceParent, read_traceparent
from tests.service import PASSWORD, Service
from tests.tracing.conftest import Traced
from tests.transport.logged import logged

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

HOSTILE = (
    "",
    "00",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE}-{SPAN}-01-",
    f"00-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-{SPAN}-01",
    f"0-{TRACE}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE}-{SPAN}-0x",
    f"00-{TRACE[1:]}-{SPAN}-01",
    f"00-{TRACE}0-{SPAN}-01",
    f"00_{TRACE}_{SPAN}_01",
    f"01-{TRACE}-{SPAN}-01more",
    f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
    "asr_" + "A" * 51,
    "%s%n" * 100,
    "-" * 5000,
)


def read(text: str) -> TraceParent | None:
    return read_traceparent({"traceparent": text})


def hexadecimal(digits: int) -> "st.SearchStrategy[str]":
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@given(trace=hexadecimal(32), span=hexadecimal(16), flags=st.integers(0, 255))
def test_what_is_of_the_form_is_read_and_written_the_same(
    trace: str, span: str, flags: int
) -> None:
    """Of the flags those go on that mean something: sampled, and random trace id."""
    found = read(f"00-{trace}-{span}-{flags:02x}")

    assert found == TraceParent(trace, span, flags & 3)
    assert str(found) == f"00-{trace}-{span}-{flags & 3:02x}"
    assert read(str(found)) == found


@given(version=st.integers(1, 254), more=st.text("abc-.~!", max_size=50))
def test_a_later_version_is_read_as_far_as_it_is_known(version: int, more: str) -> None:
    start = f"{version:02x}-{TRACE}-{SPAN}-03"

    assert read(start) == read(f"{start}-{more}") == TraceParent(TRACE, SPAN, 3)
    assert read(f"{start}x{more}") is None


@given(st.text(alphabet=string.hexdigits + "-", max_size=60) | st.text())
@example(f"00-{TRACE}-{SPAN}-01\n")
@example(f" 00-{TRACE}-{SPAN}-01")
@example(f"00-{TRACE}-{SPAN}-0\u0661")
def test_whatever_is_sent_is_of_the_form_or_ignored(text: str) -> None:
    found = read(text)

    assert found is None or re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", str(found))


@given(data=st.data(), place=st.integers(0, 54))
def test_no_character_may_be_another_of_no_meaning(data: st.DataObject, place: int) -> None:
    good = f"00-{TRACE}-{SPAN}-01"
    other = data.draw(st.characters(exclude_characters="0123456789abcdef-"))

    assert read(good[:place] + other + good[place + 1 :]) is None


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:60])
def test_what_is_not_of_the_form_is_ignored(text: str) -> None:
    assert read(text) is None


def events_of(service: Service, account_id: str) -> list[Event]:
    wanted = EventFilter(subject=account_id)
    return list(service.event.ListEvents(ListEventsRequest(filter=wanted)).events)


def test_p_obs_1_a_call_without_a_trace_takes_none_from_the_call_before_it(
    service: Service,
) -> None:
    """Threads are used again, and whatever one of them knows must not be told of the next call."""
    username = service.register().account.username
    request = LoginRequest(identifier=username, password=PASSWORD)
    traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    for _ in range(10):
        service.auth.Login(request, metadata=(("traceparent", traceparent),))

    with logged() as log:
        for _ in range(30):
            service.auth.Login(request)

    lines = log.events("login")
    assert len(lines) == 30
    assert not any("trace_id" in line for line in lines)


def test_p_obs_1_without_tracing_events_and_lines_still_name_the_callers_trace(
    service: Service,
) -> None:
    account = service.register().account
    traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    with logged() as log, pytest.raises(grpc.RpcError):
        wrong = LoginRequest(identifier=account.username, password="x" * 20)
        service.auth.Login(wrong, metadata=[("traceparent", traceparent)])
    service.auth.Login(
        LoginRequest(identifier=account.username, password=PASSWORD),
        metadata=[("traceparent", traceparent), ("x-correlation-id", "case-9")],
    )
    with logged() as later:
        service.login(account.username)

    without, right, wrong_one, _, _ = events_of(service, account.account_id)
    trace_id = traceparent[3:35]
    assert (wrong_one.traceparent, wrong_one.correlation_id) == (traceparent, trace_id)
    assert (right.traceparent, right.correlation_id) == (traceparent, "case-9")
    assert (without.traceparent, len(without.correlation_id)) == ("", 16)
    (line,) = log.events("login")
    assert (line["trace_id"], line["correlation_id"]) == (trace_id, trace_id)
    assert "trace_id" not in later.events("login")[0]


@pytest.mark.parametrize("text", HOSTILE[1:], ids=lambda text: text[:60])
def test_p_obs_1_a_hostile_trace_is_in_no_event_and_hinders_no_call(
    service: Service, traced: Traced, text: str
) -> None:
    for each in (service, traced.service):
        account = each.register().account
        login = LoginRequest(identifier=account.username, password=PASSWORD)
        hostile = [("traceparent", text), ("tracestate", "a=" + text)]
        each.auth.Login(login, metadata=hostile)

        event = events_of(each, account.account_id)[0]
        assert TRACE not in event.traceparent + event.correlation_id
        assert bool(event.traceparent) is (each is traced.service)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "=",
        "a",
        "a=b,a=c",
        "x" * 600,
        ",".join(f"k{n}=v" for n in range(40)),
        ",".join(f"k{n}={40 * str(n % 10)}" for n in range(20)),
    ],
)
def test_a_tracestate_that_is_not_of_its_form_leaves_the_trace_as_it_is(
    traced: Traced, state: str
) -> None:
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    account = traced.service.register().account
    login = LoginRequest(identifier=account.username, password=PASSWORD)
    metadata = [("traceparent", f"00-{trace_id}-{span_id}-01"), ("tracestate", state)]
    with logged("debug") as log:
        traced.service.auth.Login(login, metadata=metadata)

    call, *_ = traced.collector.wait_for_call(trace_id)
    assert call.parent_span_id.hex() == span_id
    assert call.trace_state in ("", "a=b")
    assert not [line for line in log.lines if "opentelemetry" in str(line.get("component"))]
