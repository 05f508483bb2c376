"""EventService: what happened can be listed and watched, by those who may."""

from collections.abc import Iterator

import grpc
import pytest
from authn.v1.account_service_pb2 import DisableAccountRequest
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.event_pb2 import Event, EventOutcome
from authn.v1.event_service_pb2 import (
    EventFilter,
    ListEventsRequest,
    WatchEventsRequest,
    WatchEventsResponse,
)

from tests.service import Service, reason


def _list(service: Service, **filters: object) -> list[Event]:
    request = ListEventsRequest(filter=EventFilter(**filters), page_size=1000)  # type: ignore[arg-type]
    return list(service.event.ListEvents(request).events)


def _told(watching: Iterator[WatchEventsResponse]) -> WatchEventsResponse:
    """Give the next response with events."""
    return next(response for response in watching if response.events)


def test_p_obs_1_an_act_has_one_event_with_all_that_matters(service: Service) -> None:
    made = service.register()
    account_id = made.account.account_id
    service.account.DisableAccount(
        DisableAccountRequest(account_id=account_id), metadata=[("x-correlation-id", "case-7")]
    )

    events = _list(service, subject=account_id)
    assert [event.type for event in events] == ["account.disabled", "login", "account.created"]
    disabled, login, _ = events
    assert disabled.correlation_id == "case-7"
    assert login.session_id == made.tokens.session_id
    assert {event.outcome for event in events} == {EventOutcome.EVENT_OUTCOME_SUCCESS}
    assert all(e.actor and e.peer_address and e.event_id and e.correlation_id for e in events)
    assert disabled.create_time.ToDatetime() >= login.create_time.ToDatetime()


def test_p_obs_1_what_was_refused_has_its_event_too(service: Service) -> None:
    made = service.register()
    with pytest.raises(grpc.RpcError):
        service.auth.Login(LoginRequest(identifier=made.account.username, password="x" * 20))

    [event] = _list(service, subject=made.account.account_id)[:1]
    assert (event.type, event.outcome) == ("login", EventOutcome.EVENT_OUTCOME_FAILURE)
    assert event.reason == "wrong password"


def test_pages_follow_one_another_without_gaps(service: Service) -> None:
    account_id = service.register().account.account_id
    wanted = EventFilter(subject=account_id)
    first = service.event.ListEvents(ListEventsRequest(filter=wanted, page_size=1))
    request = ListEventsRequest(filter=wanted, page_size=1, page_token=first.next_page_token)
    second = service.event.ListEvents(request)
    assert [e.type for page in (first, second) for e in page.events] == ["login", "account.created"]
    assert second.next_page_token == ""

    other = ListEventsRequest(filter=EventFilter(), page_token=first.next_page_token)
    with pytest.raises(grpc.RpcError) as refused:
        service.event.ListEvents(other)
    assert reason(refused.value) == "INVALID_PAGE_TOKEN"


def test_a_watcher_is_told_all_in_order_and_goes_on_where_it_stopped(service: Service) -> None:
    account_id = service.register().account.account_id
    wanted = EventFilter(subject=account_id)
    watching = service.event.WatchEvents(
        WatchEventsRequest(after_sequence=0, filter=wanted), timeout=60
    )
    response = _told(watching)
    assert [event.type for event in response.events] == ["account.created", "login"]
    watching.cancel()

    service.account.DisableAccount(DisableAccountRequest(account_id=account_id))
    again = WatchEventsRequest(after_sequence=response.sequence, filter=wanted)
    watching = service.event.WatchEvents(again, timeout=60)
    assert [event.type for event in _told(watching).events] == ["account.disabled"]
    watching.cancel()


def test_a_watcher_from_now_on_is_told_of_nothing_before(service: Service) -> None:
    service.register()
    watching = service.event.WatchEvents(WatchEventsRequest(), timeout=60)
    begins_at = next(watching).sequence
    account_id = service.register().account.account_id
    told = _told(watching).events
    watching.cancel()
    assert told[0].sequence == begins_at + 1
    assert told[0].subject == account_id


def test_every_event_is_told_once_while_many_happen(service: Service) -> None:
    [latest] = service.event.ListEvents(ListEventsRequest(page_size=1)).events
    watching = service.event.WatchEvents(
        WatchEventsRequest(after_sequence=latest.sequence), timeout=60
    )
    made = {service.register().account.account_id for _ in range(20)}
    told: list[Event] = []
    while not made <= {event.subject for event in told if event.type == "login"}:
        told += next(watching).events
    watching.cancel()
    first = latest.sequence + 1
    assert [event.sequence for event in told] == list(range(first, first + len(told)))


def test_a_place_that_is_not_there_is_refused(service: Service) -> None:
    watching = service.event.WatchEvents(WatchEventsRequest(after_sequence=2**40), timeout=60)
    with pytest.raises(grpc.RpcError) as refused:
        next(watching)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert reason(refused.value) == "EVENTS_FORGOTTEN"
