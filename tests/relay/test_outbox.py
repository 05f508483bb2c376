"""Who relays, from where on, and what happens when two do or a store fails meanwhile."""

from datetime import timedelta
from pathlib import Path

import pytest

from authsvc.domain.event_reading import EventReader
from authsvc.relay.lag import LagMeter
from tests.relay.kit import SINK, Kit, event, first_ids, kit, now, step_until
from tests.servers.brokers import Broker
from tests.servers.redis_streams import RedisStreams


@pytest.fixture(name="broker")
def _broker(valkey_streams: RedisStreams) -> RedisStreams:
    valkey_streams.empty()
    return valkey_streams


def test_one_worker_relays_while_it_holds_the_lease(kit: Kit, broker: RedisStreams) -> None:
    with kit.outbox(broker.url) as first, kit.outbox(broker.url) as second:
        kit.append(event())
        first.step()
        kit.append(event())
        second.step()
        assert len(broker.received()) == 1

        first.close()  # it gives the lease up
        step_until(second, kit.is_done, at_most=5)
    assert len(broker.received()) == 2


def test_a_worker_whose_lease_has_moved_changes_nothing(kit: Kit, broker: RedisStreams) -> None:
    """What it sends comes twice, under the same ids; the place is that of its successor."""
    with kit.outbox(broker.url) as stale, kit.outbox(broker.url) as fresh:
        kit.append(event("acc_1"))
        stale.step()
        kit.redis.command("DEL", f"l{{relay to {SINK}}}")
        kit.append(event("acc_2"))
        fresh.step()
        assert kit.cursor() == 2
        kit.redis.command("DEL", f"l{{relay to {SINK}}}")

        stale.step()
        assert kit.cursor() == 2
        assert first_ids(broker.received()) == kit.ids()

        kit.append(event("acc_3"))
        step_until(stale, kit.is_done, at_most=5)
    assert first_ids(broker.received()) == kit.ids()
    assert len(broker.received()) == 4


def test_a_sink_that_is_away_is_asked_again_and_again_and_later_and_later(
    kit: Kit, valkey_streams: RedisStreams
) -> None:
    kit.append(event())
    with kit.outbox("redis://127.0.0.1:1/0?stream=events") as outbox:
        for _ in range(50):
            outbox.step()
        assert kit.metric("authsvc_relay_outages_total") == 1
        step_until(outbox, lambda: kit.metric("authsvc_relay_outages_total") == 3, at_most=5)
    assert kit.cursor() == 0


def test_lag_is_told_in_events_and_seconds(kit: Kit, broker: RedisStreams) -> None:
    meter = LagMeter(
        [SINK], reader=EventReader(kit.events), store=kit.store, gauge=kit.metrics, clock=now
    )
    kit.events.append([event(), event()], now=now() - timedelta(minutes=1))
    meter.measure()
    assert kit.metric("authsvc_relay_lag_events") == 2
    assert 60 <= kit.metric("authsvc_relay_lag_seconds") < 90

    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=5)
    meter.measure()
    assert kit.metric("authsvc_relay_lag_events") == 0
    assert kit.metric("authsvc_relay_lag_seconds") == 0


def test_a_place_that_was_forgotten_is_told_and_passed(
    kit: Kit, broker: RedisStreams, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit.cursor() == 0
    kit.append(*(event() for _ in range(5)))
    kit.events.purge(older_than=now() + timedelta(days=1), up_to=3)
    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=5)
    assert first_ids(broker.received()) == kit.ids()
    assert "forgotten before they were relayed" in capsys.readouterr().out


def test_a_backlog_is_relayed_in_one_go(tmp_path: Path, broker: RedisStreams) -> None:
    with kit(tmp_path, f"redis://127.0.0.1:{broker.port}/1") as prepared:
        prepared.append_many(3000, subjects=1000)
        with prepared.outbox(broker.url) as outbox:
            outbox.step()
        assert prepared.is_done()
        assert first_ids(broker.received()) == prepared.ids()


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hunter2@127.0.0.1:1/0?stream=s",
        "amqp://u:hunter2@127.0.0.1:1/?queue=q",
        "nats://u:hunter2@127.0.0.1:1/s",
        pytest.param("kafka://u:hunter2@127.0.0.1:1/t", marks=pytest.mark.slow),
        pytest.param("kafkas://u:hunter2@127.0.0.1:1/t", marks=pytest.mark.slow),
    ],
)
def test_a_broker_that_is_not_there_is_told_without_a_secret(
    url: str, kit: Kit, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    _assert_told_without_a_secret(url, kit, capfd, caplog)


@pytest.mark.slow
def test_a_wrong_password_is_an_outage_and_is_not_told(
    rabbitmq: Broker,
    kit: Kit,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = rabbitmq.url.replace("guest:guest@", "guest:hunter2@")
    told = _assert_told_without_a_secret(url, kit, capfd, caplog)
    assert "ProbableAuthenticationError" in told


def _assert_told_without_a_secret(
    url: str, kit: Kit, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> str:
    kit.append(event())
    with kit.outbox(url) as outbox:
        outbox.step()
    told = "".join(capfd.readouterr()) + caplog.text
    assert told.count("event sink unavailable") == 1
    assert "hunter2" not in told
    assert kit.cursor() == 0
    assert kit.store.count_dead(SINK) == 0
    return told
