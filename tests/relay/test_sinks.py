"""The contract of every sink, on the real broker: all events, in order, once for who drops twins."""

import json
from datetime import UTC, datetime

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.relay.kit import ISSUER, SINK, Kit, by_subject, event, first_ids, step_until
from tests.servers.brokers import Broker

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_all_events_arrive_in_the_order_of_each_subject(broker: Broker, kit: Kit) -> None:
    kit.append_many(300, subjects=7)

    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    bodies = broker.received()
    assert sorted(first_ids(bodies)) == sorted(kit.ids())
    assert len(bodies) == 300
    for sequences in by_subject(bodies).values():
        assert sequences == sorted(sequences)
    assert kit.metric("authsvc_relayed_events_total", outcome="taken") == 300


def test_an_event_is_a_cloudevent(broker: Broker, kit: Kit) -> None:
    kit.append(
        event(
            "acc_ü",
            session_id="sid",
            succeeded=False,
            reason="wrong password 👋",
            correlation_id="abc",
            traceparent=TRACE,
        )
    )
    [kept] = kit.events.after(0, limit=1)

    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    [body] = broker.received()
    read = JSONFormat().read(CloudEvent, body)
    assert read.get_id() == kept.event_id
    assert read.get_source() == ISSUER
    assert read.get_type() == "authsvc.login"
    assert read.get_subject() == "acc_ü"
    assert read.get_time() == kept.create_time
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("sequence") == "00000000000000000001"
    assert read.get_extension("correlationid") == "abc"
    assert read.get_extension("traceparent") == TRACE
    assert read.get_data() == {
        "actor": "web",
        "peer_address": "10.0.0.1",
        "session_id": "sid",
        "outcome": "failure",
        "reason": "wrong password 👋",
    }


def test_another_worker_goes_on_where_the_last_one_was(broker: Broker, kit: Kit) -> None:
    kit.append(*(event(f"acc_{n}") for n in range(5)))
    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    kit.append(*(event(f"acc_{n}") for n in range(5)))
    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    assert len(broker.received()) == 10
    assert sorted(first_ids(broker.received())) == sorted(kit.ids())


def test_an_event_that_is_refused_for_good_holds_up_no_other(broker: Broker, kit: Kit) -> None:
    kit.append(*(event("acc_1") for _ in range(3)), event("acc_2"))
    kit.append(event("acc_1", reason="x" * broker.too_long))
    kit.append(*(event("acc_1") for _ in range(3)), event("acc_2"))
    before = datetime.now(UTC)

    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    [letter] = kit.store.dead_letters(SINK, after=0, limit=9)
    ids = kit.ids()
    assert (letter.sequence, letter.event_id) == (5, ids[4])
    assert letter.reason
    assert letter.refusals == 1
    assert letter.refuse_time >= before.replace(microsecond=0)
    bodies = broker.received()
    assert sorted(first_ids(bodies)) == sorted(id_ for id_ in ids if id_ != letter.event_id)
    for sequences in by_subject(bodies).values():
        assert sequences == sorted(sequences)
    assert kit.metric("authsvc_relayed_events_total", outcome="refused") == 1


def test_a_dead_letter_stays_one_until_the_sink_takes_it(broker: Broker, kit: Kit) -> None:
    kit.append(event(reason="x" * broker.too_long), event())
    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    with kit.replay(broker.url) as replay:
        again = replay.refused()

    assert (again.taken, again.refused) == (0, 1)
    [letter] = kit.store.dead_letters(SINK, after=0, limit=9)
    assert letter.refusals == 2


def test_a_range_is_sent_again_under_the_same_ids(broker: Broker, kit: Kit) -> None:
    kit.append(*(event(f"acc_{n}") for n in range(6)))
    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)
    broker.empty()

    with kit.replay(broker.url) as replay:
        again = replay.range(2)

    assert (again.taken, again.refused) == (4, 0)
    assert sorted(first_ids(broker.received())) == sorted(kit.ids()[2:])
    assert kit.cursor() == 6


def test_no_secret_is_in_an_event(broker: Broker, kit: Kit) -> None:
    kit.append(event())
    with kit.outbox(broker.url) as outbox:
        step_until(outbox, kit.is_done, at_most=30)

    [body] = broker.received()
    assert set(json.loads(body)) == {
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "sequence",
        "data",
    }
