"""Whatever a broker does: nothing is lost, and each subject's events come in order."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.events import EventId
from authsvc.relay.cloudevents import Message
from authsvc.relay.delivery import WINDOW, Courier, Delivery
from authsvc.relay.sink import Outcome, SinkUnavailable
from tests.relay.scripted import Act, ScriptedBroker, ScriptedSink


def _messages(subjects: Sequence[str]) -> list[Message]:
    return [
        Message(event_id=EventId(f"evt_{n}"), sequence=n, type="authsvc.login", subject=s, body=b"")
        for n, s in enumerate(subjects, start=1)
    ]


def _deliver(broker: ScriptedBroker, messages: Sequence[Message]) -> Delivery:
    delivery, courier = Delivery(messages), Courier(broker.open)
    for _ in range(1000):
        try:
            courier.deliver(delivery)
        except SinkUnavailable:
            continue
        return delivery
    raise AssertionError("no progress")


_ACTS = st.lists(st.sampled_from([Act.TAKE, *Act]), max_size=60)
_SUBJECTS = st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=1, max_size=40)


@given(_ACTS, _SUBJECTS)
def test_nothing_is_lost_and_subjects_stay_in_order(
    acts: Sequence[Act], subjects: Sequence[str]
) -> None:
    broker = ScriptedBroker(iter(acts))
    messages = _messages(subjects)

    delivery = _deliver(broker, messages)

    kept = {message.sequence for message in broker.kept}
    assert kept | delivery.refused.keys() == {message.sequence for message in messages}
    seen = list(dict.fromkeys(broker.kept))
    for subject in {*subjects} - {""}:
        order = [message.sequence for message in seen if message.subject == subject]
        assert order == sorted(order)
    assert delivery.place() == len(messages)


@given(
    st.lists(st.sampled_from([Act.TAKE, Act.HANG_UP, Act.TAKE_AND_HANG_UP]), max_size=60), _SUBJECTS
)
def test_the_one_order_holds_unless_single_events_are_put_off(
    acts: Sequence[Act], subjects: Sequence[str]
) -> None:
    broker = ScriptedBroker(iter(acts))

    _deliver(broker, _messages(subjects))

    order = [message.sequence for message in dict.fromkeys(broker.kept)]
    assert order == sorted(order)


@given(st.integers(1, 30), st.data())
def test_the_one_that_is_refused_is_found(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(1, count))
    messages = _messages([str(n) for n in range(count)])

    class Broker(ScriptedBroker):
        def open(self) -> ScriptedSink:
            return _Choosy(self, bad)

    delivery = _deliver(Broker(iter(())), messages)

    assert list(delivery.refused) == [bad]


class _Choosy(ScriptedSink):
    def __init__(self, broker: ScriptedBroker, bad: int) -> None:
        super().__init__(broker)
        self._bad = bad

    def settle(self, seconds: float) -> Sequence[Outcome]:
        bad = any(message.sequence == self._bad for message in self._sent)
        self._broker.acts = iter([Act.REFUSE_ONE] if bad else [])
        return super().settle(seconds)


def test_back_pressure_no_more_are_under_way_than_the_window_holds() -> None:
    broker = ScriptedBroker(iter(()))

    class Slow(ScriptedSink):
        def settle(self, seconds: float) -> Sequence[Outcome]:
            return super().settle(seconds) if seconds else ()

    broker.open = lambda: Slow(broker)  # type: ignore[method-assign]
    _deliver(broker, _messages([str(n) for n in range(3 * WINDOW)]))
    assert broker.most_under_way == WINDOW


def test_after_an_outage_a_single_one_is_sent_first() -> None:
    """A broker that takes nothing gets no heap of copies, however long it lasts."""
    sent: list[int] = []

    class Deaf(ScriptedSink):
        def send(self, message: Message) -> None:
            super().send(message)
            sent[-1] += 1

        def settle(self, seconds: float) -> Sequence[Outcome]:
            if seconds:
                raise SinkUnavailable("no answer")
            return ()

    def opened() -> ScriptedSink:
        sent.append(0)
        return Deaf(ScriptedBroker(iter(())))

    courier, delivery = Courier(opened), Delivery(_messages([str(n) for n in range(100)]))
    for _ in range(4):
        with pytest.raises(SinkUnavailable):
            courier.deliver(delivery)
    assert sent == [100, 1, 1, 1]


def test_who_is_told_to_stop_sends_no_more_and_hears_the_rest() -> None:
    broker = ScriptedBroker(iter(()))
    left = iter([True, True, True, False])
    delivery = Delivery(_messages([str(n) for n in range(10)]))

    Courier(broker.open).deliver(delivery, go_on=lambda: next(left, False))

    assert [message.sequence for message in broker.kept] == [1, 2]
    assert delivery.place() == 2
