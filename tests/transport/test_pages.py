"""Lists: every entry once, and page tokens that nobody makes up (attack 63)."""

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from authn.v1.account_service_pb2 import DeleteAccountRequest, ListAccountsRequest
from authn.v1.session_service_pb2 import ListSessionsRequest, RevokeSessionRequest

from tests.service import Service, bearer, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import outcome


@pytest.fixture(name="fresh", scope="session")
def _fresh(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose accounts are those of these tests alone."""
    data = Path(tmp_path_factory.mktemp("fresh"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        yield service


def flat(pages: list[list[str]]) -> list[str]:
    """The entries of all pages."""
    return list(itertools.chain.from_iterable(pages))


def accounts(service: Service, size: int) -> list[list[str]]:
    pages, token = [], ""
    while True:
        request = ListAccountsRequest(page_size=size, page_token=token)
        answer = service.account.ListAccounts(request)
        pages.append([account.account_id for account in answer.accounts])
        token = answer.next_page_token
        if not token:
            return pages


def sessions(service: Service, account_id: str, size: int) -> list[list[str]]:
    pages, token = [], ""
    while True:
        request = ListSessionsRequest(account_id=account_id, page_size=size, page_token=token)
        answer = service.session.ListSessions(request)
        pages.append([session.session_id for session in answer.sessions])
        token = answer.next_page_token
        if not token:
            return pages


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_pages_of_accounts_have_each_once_in_order(size: int, fresh: Service) -> None:
    made = [fresh.register().account.account_id for _ in range(7)]
    pages = accounts(fresh, size)
    listed = flat(pages)
    assert listed == sorted(listed)
    assert len(listed) == len(set(listed))
    assert set(made) <= set(listed)
    assert all(len(page) == size for page in pages[:-1])


def test_an_account_deleted_between_pages_hides_no_other(fresh: Service) -> None:
    for _ in range(6):
        fresh.register()
    everything = flat(accounts(fresh, 1000))
    first = fresh.account.ListAccounts(ListAccountsRequest(page_size=3))
    seen = [account.account_id for account in first.accounts]
    fresh.account.DeleteAccount(DeleteAccountRequest(account_id=seen[-1]))
    token = first.next_page_token
    rest = fresh.account.ListAccounts(ListAccountsRequest(page_size=1000, page_token=token))
    assert [*seen, *(account.account_id for account in rest.accounts)] == everything


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_the_pages_of_sessions_have_each_once_oldest_first(size: int, fresh: Service) -> None:
    registered = fresh.register()
    username = registered.account.username
    opened = [registered.tokens.session_id, *(fresh.login(username).session_id for _ in range(5))]
    pages = sessions(fresh, registered.account.account_id, size)
    assert flat(pages) == opened


def test_a_session_ended_between_pages_hides_no_other(fresh: Service) -> None:
    registered = fresh.register()
    account_id, username = registered.account.account_id, registered.account.username
    opened = [registered.tokens.session_id, *(fresh.login(username).session_id for _ in range(5))]
    first = fresh.session.ListSessions(ListSessionsRequest(account_id=account_id, page_size=3))
    for ended in (opened[0], opened[2]):
        fresh.session.RevokeSession(RevokeSessionRequest(session_id=ended))
    request = ListSessionsRequest(account_id=account_id, page_token=first.next_page_token)
    rest = fresh.session.ListSessions(request)
    assert [session.session_id for session in rest.sessions] == opened[3:]


def test_a_page_token_that_was_not_given_for_this_list_is_refused(fresh: Service) -> None:
    mine, theirs = fresh.register(), fresh.register()
    for registered in (mine, theirs):
        fresh.login(registered.account.username)

    def my_list(token: str) -> str:
        account_id = mine.account.account_id
        request = ListSessionsRequest(account_id=account_id, page_size=1, page_token=token)
        return outcome(lambda: fresh.session.ListSessions(request))

    def all_accounts(token: str) -> str:
        request = ListAccountsRequest(page_size=1, page_token=token)
        return outcome(lambda: fresh.account.ListAccounts(request))

    def given(account_id: str) -> str:
        request = ListSessionsRequest(account_id=account_id, page_size=1)
        return fresh.session.ListSessions(request).next_page_token

    own, foreign = given(mine.account.account_id), given(theirs.account.account_id)
    of_accounts = fresh.account.ListAccounts(ListAccountsRequest(page_size=1)).next_page_token
    assert my_list(own) == "OK"
    assert all_accounts(of_accounts) == "OK"
    assert my_list(foreign) == "INVALID_PAGE_TOKEN"
    assert my_list(of_accounts) == "INVALID_PAGE_TOKEN"
    assert all_accounts(own) == "INVALID_PAGE_TOKEN"
    forged = base64.urlsafe_b64encode(bytes(16) + b"acc_" + b"0" * 32).rstrip(b"=").decode()
    for token in (
        *(forged, "x", "=", own[:-1], own[1:], own + "A", own + "=", own.swapcase(), " " + own),
        *(own[:8] + ("A" if own[8] != "A" else "B") + own[9:], "\0", "é", "A" * 512),
    ):
        assert my_list(token) == "INVALID_PAGE_TOKEN", token
    assert my_list("A" * 513) == "INVALID_REQUEST"


def test_the_token_of_ones_own_list_is_good_for_the_same_list_by_name(fresh: Service) -> None:
    registered = fresh.register()
    tokens = fresh.login(registered.account.username)
    me = bearer(tokens.access_token)
    first = fresh.session.ListSessions(ListSessionsRequest(page_size=1), metadata=me)
    named = ListSessionsRequest(
        account_id=registered.account.account_id, page_token=first.next_page_token
    )
    rest = fresh.session.ListSessions(named, metadata=me)
    assert [session.session_id for session in rest.sessions] == [tokens.session_id]
