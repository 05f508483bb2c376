"""Sinks are read from one setting; what is wrong with it is told, and no secret with it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.config import Config
from authsvc.configuration_faults import faults
from authsvc.relay.addresses import SinkAddress, parse_sinks
from tests.porch.test_config import GOOD

ARN = "arn:aws:sns:eu-central-1:123456789012:events.fifo"
GOOD_URLS = {
    "redis://127.0.0.1?stream=s": ("127.0.0.1", 6379, ""),
    "redis://:hunter2@h:7000/3?stream=s&max_length=1000": ("h", 7000, "3"),
    "rediss://h/0?stream=s": ("h", 6379, "0"),
    "amqp://h?queue=q": ("h", 5672, ""),
    "amqps://u:hunter2@h/%2Fv?exchange=e": ("h", 5671, "/v"),
    "kafka://h/topic": ("h", 9092, "topic"),
    "kafkas://u:hunter2@h:1/t?sasl=SCRAM-SHA-512": ("h", 1, "t"),
    "nats://[::1]/a.b": ("::1", 4222, "a.b"),
    "natss://hunter2@h/a.b": ("h", 4222, "a.b"),
}
BAD_URLS = [
    "",
    "http://hunter2@h/x",
    "redis://:hunter2@h/0",
    "redis://:hunter2@h/x?stream=s",
    "redis://:hunter2@h/0?stream=s&max_length=0",
    "redis://:hunter2@h,g/0?stream=s",
    "redis://:hunter2@h//0?stream=s",
    "kafka://u:hunter2@a,[::1/t",
    "kafka://u:hunter2@a,x[::1]/t",
    "kafka://u:hunter2@a,[::1]x:8/t",
    "unix://?stream=hunter2",
    "amqp://u:hunter2@h/",
    "amqp://u:hunter2@h/?queue=a&exchange=b",
    "amqp://u:hunter2@h:99999/?queue=a",
    "amqp://u:hunter2@/?queue=a",
    "amqp://u:hunter2@h/?queue=a&colour=hunter2",
    "amqp://u:hunter2@h/?queue=a#hunter2",
    "amqp://u:hunter2#@h/?queue=a",
    "amqp://u:hunt/er2@h/?queue=a",
    "amqp://u:%ff@h/?queue=a",
    "kafka://u:hunter2@h/",
    "kafka://u:hunter2@h/a/b",
    "kafka://u:hunter2@h/t?sasl=hunter2",
    "kafka://h/t?sasl=PLAIN",
    "kafka://h:0/t",
    "nats://u:hunter2@h/",
    "nats://u:hunter2@h/a.*",
    "nats://u:hunter2@h/a.>",
    "nats://u:hunter2@h/a?x=1",
    "nats://u:hunter2@h/a?ca=/x",
    "natss://u:hunter2@h/a?ca=/nowhere/hunter2",
    "sns:arn:aws:sns:eu-central-1:123456789012:events",
    f"sns:{ARN}?endpoint=ftp://x",
    f"sns:{ARN}?key=hunter2",
    "sns:hunter2",
]


@pytest.mark.parametrize(("url", "expected"), GOOD_URLS.items(), ids=GOOD_URLS)
def test_a_url_says_where_and_how(url: str, expected: tuple[str, int, str]) -> None:
    [address] = parse_sinks(f"audit={url}")

    host, port, path = expected
    assert (address.name, address.hosts, address.path) == ("audit", ((host, port),), path)
    assert "hunter2" not in repr(address)
    if "hunter2" in url:
        assert "hunter2" in (address.password, address.username)


def test_tls_is_spoken_where_the_scheme_says_so() -> None:
    schemes = {"redis": "h?stream=s", "amqp": "h?queue=q", "kafka": "h/t", "nats": "h/s"}
    for scheme, rest in schemes.items():
        plain, encrypted = parse_sinks(f"a={scheme}://{rest} b={scheme}s://{rest}")
        assert (plain.has_tls, encrypted.has_tls) == (False, True)


def test_brokers_of_a_cluster_are_named_together() -> None:
    [kafka] = parse_sinks("audit=kafka://a,b:9,[::1]:8/topic")
    assert kafka.hosts == (("a", 9092), ("b", 9), ("::1", 8))


def test_a_socket_and_a_topic_are_paths() -> None:
    socket, sns = parse_sinks(f"one=unix:///run/redis?stream=s two=sns:{ARN}?endpoint=http://h:1")
    assert (socket.path, socket.hosts) == ("/run/redis", ())
    assert (sns.path, sns.options["endpoint"]) == (ARN, "http://h:1")


@pytest.mark.parametrize("url", BAD_URLS)
def test_p_cfg_1_a_sink_that_can_not_be_used_does_not_start_and_tells_no_secret(url: str) -> None:
    [fault] = faults(Config(**GOOD, event_sinks=f"audit={url}"), environment={})

    assert fault.startswith("AUTHSVC_EVENT_SINKS has a sink, audit, ")
    assert "hunter2" not in fault


@pytest.mark.parametrize("text", ["redis://:hunter2@h?stream=s", "A=nats://h/s", "=nats://h/s"])
def test_p_cfg_1_a_sink_needs_a_name(text: str) -> None:
    [fault] = faults(Config(**GOOD, event_sinks=text), environment={})
    assert "without a name" in fault
    assert "hunter2" not in fault


def test_p_cfg_1_two_sinks_need_two_names() -> None:
    [fault] = faults(Config(**GOOD, event_sinks="a=nats://h/s\na=nats://h/t"), environment={})
    assert "two entries with the name a" in fault


@pytest.mark.parametrize(
    ("url", "extra", "module"),
    [
        ("amqp://h?queue=q", "rabbitmq", "pika"),
        ("kafka://h/t", "kafka", "confluent_kafka"),
        ("nats://h/s", "nats", "nats"),
        (f"sns:{ARN}", "sns", "boto3"),
    ],
)
def test_p_cfg_1_a_sink_whose_client_is_not_installed_does_not_start(
    url: str, extra: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(**GOOD, event_sinks=f"a={url} b={url}")
    assert faults(config, environment={}) == []
    monkeypatch.setitem(sys.modules, module, None)
    [fault] = faults(config, environment={})
    assert f"pip install 'authsvc[{extra}]'" in fault


@given(st.text(alphabet="abc:/?#@%&=[],.> ", max_size=40), st.sampled_from(["redis", "nats", ""]))
def test_whatever_is_written_is_read_or_refused(text: str, scheme: str) -> None:
    try:
        sinks = parse_sinks(f"audit={scheme}:{text}")
    except ValueError:
        return
    assert all(isinstance(sink, SinkAddress) for sink in sinks)
